//! Two nodes find each other by their names over RabbitMQ, and one greets the other.
//!
//! With a broker on this machine, run it with
//! `cargo run -p raftwire-transport-rabbitmq --example two_nodes -- amqp://guest:guest@127.0.0.1:5672`.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::Lane;
use raftwire_transport::{
    Channel, ClusterTransport, ClusterTransportFactory, Lanes, TransportEvent, TransportEvents,
    TransportSetup,
};
use raftwire_transport_rabbitmq::{RabbitMQClusterTransportFactory, RabbitMQOptions};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1);
    greet(&url.unwrap_or_else(|| "amqp://127.0.0.1:5672".to_owned())).await
}

pub(crate) async fn greet(url: &str) -> Result<(), Box<dyn Error>> {
    let factory = RabbitMQClusterTransportFactory::new(RabbitMQOptions::new(url.parse()?));
    let create = |name: &str| -> Result<Arc<dyn ClusterTransport>, Box<dyn Error>> {
        let setup = TransportSetup {
            environment: Environment::real(),
            cluster: "example".to_owned(),
            node: name.parse()?,
            // Nobody is listed: who says hello is heard.
            peers: Vec::new(),
            lanes: Lanes::Both,
        };
        Ok(factory.create_transport(setup)?)
    };
    let (alice, bob) = (create("alice")?, create("bob")?);
    let (mut heard_by_alice, mut heard_by_bob) = (alice.start().await?, bob.start().await?);

    let to_bob = first_channel(&mut heard_by_alice).await?;
    // The library adopts a channel once the peer has proved who it is.
    alice.adopt(&to_bob);
    alice.send(&to_bob, Bytes::from_static(b"hello"))?;

    // A broker may lose a packet; the links of the library would send it again.
    loop {
        match heard_by_bob.recv().await {
            Some(TransportEvent::Received { channel, packet }) => {
                assert_eq!(
                    (channel.peer.as_str(), &packet[..]),
                    ("alice", &b"hello"[..])
                );
                break;
            }
            Some(_) => {}
            None => return Err("the transport stopped".into()),
        }
    }
    alice.stop().await;
    bob.stop().await;
    Ok(())
}

/// The first channel of the data lane.
async fn first_channel(events: &mut TransportEvents) -> Result<Channel, &'static str> {
    while let Some(event) = events.recv().await {
        match event {
            TransportEvent::PeerUp { channel, .. } if channel.lane == Lane::Data => {
                return Ok(channel);
            }
            _ => {}
        }
    }
    Err("the transport stopped")
}
