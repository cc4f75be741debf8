//! The whole way: two served nodes and two clients, over simulated TCP.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use raftwire::ClusterOptions;
use raftwire_environment::{Environment, SimulatedDisk, TcpStream};
use raftwire_protocol::Frame;
use raftwire_server::client::protocol::binary::{
    FLAG_BRIEF, KIND_SEND, decode_message, encode_delivered, encode_send,
};
use raftwire_server::client::protocol::{SUBPROTOCOL, ToClient};
use raftwire_server::config::ServerOptions;
use raftwire_server::serve::serve;
use raftwire_server::websocket_engine::{Received, Target, WebSocket, connect};

use super::AT_ONCE;

const NODES: [&str; 2] = ["node1", "node2"];
const PORT: u16 = 5000;
/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 100;
/// The largest message that a client takes.
const RECEIVED_BYTES_MAX: usize = 1024 * 1024;
/// How long a packet of simulated TCP takes, and the step in which time passes.
const TRIP: Duration = Duration::from_millis(1);
/// Simulated time, far above what is needed: it only keeps what is broken from going on.
const PATIENCE: Duration = Duration::from_secs(600);
/// Until a cluster is there, a client tries as often as this.
const RETRY: Duration = Duration::from_millis(50);

pub(super) fn run(messages: u64) {
    let mut simulation = turmoil::Builder::new()
        .simulation_duration(PATIENCE)
        .tick_duration(TRIP)
        .min_message_latency(TRIP)
        .max_message_latency(TRIP)
        .epoch(std::time::SystemTime::UNIX_EPOCH)
        .rng_seed(1)
        .build();
    for (seed, node) in (1..).zip(NODES) {
        simulation.host(node, move || node_runs(node, seed));
    }
    simulation.client("clients", async move {
        let environment = Environment::simulated(3, SimulatedDisk::new(3));
        let (sender, _) = welcomed(&environment, NODES[0]).await;
        let (receiver, to) = welcomed(&environment, NODES[1]).await;
        send(sender, (receiver, to), messages).await;
        Ok(())
    });
    simulation.run().expect("every message arrives");
}

async fn node_runs(node: &str, seed: u64) -> turmoil::Result {
    let environment = Environment::simulated(seed, SimulatedDisk::new(seed));
    let mut options = ServerOptions::default();
    options.cluster = ClusterOptions {
        node_id: Some(node.parse()?),
        node_address: node.to_owned(),
        node_port: PORT,
        nodes: NODES
            .map(|node| format!("ws://{node}:{PORT}/{node}").parse())
            .into_iter()
            .collect::<Result<_, _>>()?,
        secret: Some("of nobody's concern".parse()?),
        ..ClusterOptions::default()
    };
    options.client.allow_send = true;
    serve(options, environment, std::future::pending()).await?;
    Ok(())
}

/// A client of a node that is ready, and its id.
async fn welcomed(environment: &Environment, node: &str) -> (WebSocket<TcpStream>, String) {
    let target = Target {
        host: node,
        path: "/ws",
        protocol: SUBPROTOCOL,
        received_bytes_max: RECEIVED_BYTES_MAX,
    };
    let mut socket = loop {
        if let Ok(stream) = environment.connect(node, PORT).await
            && let Ok(socket) = connect(stream, target, environment).await
        {
            break socket;
        }
        tokio::time::sleep(RETRY).await;
    };
    let welcome = next(&mut socket).await;
    match serde_json::from_slice(welcome.payload()) {
        Ok(ToClient::Welcome { connection, .. }) => (socket, connection),
        other => panic!("no welcome: {other:?}"),
    }
}

async fn send(
    mut sender: WebSocket<TcpStream>,
    (mut receiver, to): (WebSocket<TcpStream>, String),
    messages: u64,
) {
    let payload = [7; PAYLOAD_BYTES];
    for first in (0..messages).step_by(AT_ONCE as usize) {
        for id in first..first + AT_ONCE {
            let mut send = Vec::from(encode_send(KIND_SEND, id, &to, &payload));
            send[1] = FLAG_BRIEF;
            sender.write(Frame::binary(send));
        }
        let flushed = poll_fn(|context| sender.poll_flush(context));
        flushed.await.expect("the node lives");
        for id in first..first + AT_ONCE {
            let answer = next(&mut sender).await;
            assert_eq!(
                answer.payload()[..],
                encode_delivered(id),
                "it is delivered"
            );
            let message = decode_message(next(&mut receiver).await.into_payload());
            assert_eq!(message, Some((id + 1, Bytes::copy_from_slice(&payload))));
        }
    }
}

/// The next message of a node's.
async fn next(socket: &mut WebSocket<TcpStream>) -> Frame {
    loop {
        match socket.receive().await {
            Some(Ok(Received::Message(frame))) => return frame,
            Some(Ok(Received::Heartbeat)) => {}
            ended => panic!("the node has ended it: {ended:?}"),
        }
    }
}
