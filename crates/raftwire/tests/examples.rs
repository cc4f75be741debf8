//! The examples do what they say.

#[path = "../examples/three_nodes.rs"]
mod three_nodes;

#[test]
fn three_nodes_route_between_each_other() {
    three_nodes::main().expect("every step of the example");
}
