//! An axum application that is a cluster: page, clients and cluster channel share its port.
//!
//! `cargo run -p raftwire --example axum_app` starts three nodes of it in one process, on the
//! ports 8081 to 8083, until it is interrupted.

use std::error::Error;

use raftwire::ClusterOptions;
use tokio::net::TcpListener;

pub(crate) use app::App;

mod app;
mod client;

/// Starts a node of the application on each of these addresses, and waits until all are ready.
#[allow(clippy::disallowed_methods)] // the application's own sockets
pub(crate) async fn start(addresses: &[&str]) -> Result<Vec<(String, App)>, Box<dyn Error>> {
    let mut listeners = Vec::new();
    let mut nodes = Vec::new();
    for (number, address) in (1..).zip(addresses) {
        let listener = TcpListener::bind(address).await?;
        nodes.push(format!("ws://{}/node{number}", listener.local_addr()?).parse()?);
        listeners.push(listener);
    }
    let mut apps = Vec::new();
    for (number, listener) in (1..).zip(listeners) {
        let address = listener.local_addr()?.to_string();
        let options = ClusterOptions {
            node_id: Some(format!("node{number}").parse()?),
            nodes: nodes.clone(),
            ephemeral: true,
            ..ClusterOptions::default()
        };
        apps.push((address, App::start(listener, options).await?));
    }
    for (_, app) in &apps {
        app.manager.ready().await;
    }
    Ok(apps)
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout)] // it says where to look
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let apps = start(&["127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:8083"]).await?;
    for (address, _) in &apps {
        println!("http://{address}/");
    }
    tokio::signal::ctrl_c().await?;
    for (_, app) in apps {
        app.stop().await;
    }
    Ok(())
}
