//! Packets a second over RabbitMQ, from one node to another, beside what the broker itself passes on
//! from a bare publisher to a bare subscriber: as many bytes in a message, acknowledged and confirmed
//! alike.
//!
//! With a broker on this machine:
//! `cargo run --release -p raftwire-transport-rabbitmq --example throughput -- 127.0.0.1:5672`.

mod bare;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::Lane;
use raftwire_transport::broker::BrokerTransport;
use raftwire_transport::{
    Channel, ClusterTransport, Lanes, SendError, TransportEvent, TransportEvents, TransportSetup,
};
use raftwire_transport_rabbitmq::{RabbitMQClusterTransportFactory, RabbitMQOptions};

/// A link's packet with one short message, and with about what it gathers when it is busy.
const PACKET_BYTES: [usize; 2] = [200, 8 * 1024];
const ROUNDS: u32 = 5;
const WARM_UP: Duration = Duration::from_secs(1);
const LENGTH: Duration = Duration::from_secs(3);

#[tokio::main]
#[allow(clippy::print_stdout)] // it is what it is for
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:5672".to_owned());
    for packet_bytes in PACKET_BYTES {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let carried = carried(&address, packet_bytes).await?;
            let bare = bare(&address, packet_bytes).await?;
            let ratio = carried / bare;
            println!(
                "{packet_bytes} B: {carried:.0} packets/s, the bare pair {bare:.0}: {ratio:.2}"
            );
            ratios.push(ratio);
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        println!("{packet_bytes} B: median of the ratios: {median:.2}");
    }
    Ok(())
}

async fn bare(address: &str, packet_bytes: usize) -> Result<f64, Box<dyn Error>> {
    let address = address.to_owned();
    let own_thread = Environment::real().executor("bare pair");
    let measured = own_thread.spawn("bare pair", async move {
        bare::measure(&address, packet_bytes, bare::BUNDLE_BYTES, WARM_UP, LENGTH)
    });
    Ok(measured.await?.map_err(|error| error.to_string())?)
}

/// Packets a second from one node to another.
async fn carried(address: &str, packet_bytes: usize) -> Result<f64, Box<dyn Error>> {
    let environment = Environment::real();
    let create = |node: &str| -> Result<BrokerTransport, Box<dyn Error>> {
        let setup = TransportSetup {
            environment: environment.clone(),
            cluster: "throughput".to_owned(),
            node: node.parse()?,
            peers: Vec::new(),
            lanes: Lanes::Both,
        };
        let options = RabbitMQOptions::new(address.parse()?);
        Ok(RabbitMQClusterTransportFactory::new(options).transport(setup)?)
    };
    let (a, b) = (create("a")?, create("b")?);
    let (mut heard_by_a, mut heard_by_b) = (a.start().await?, b.start().await?);
    let channel = data_channel(&mut heard_by_a).await?;
    a.adopt(&channel);
    let sending = environment.spawn("sender", send(a.clone(), channel, packet_bytes));

    let mut received = 0_u64;
    let began = environment.now() + WARM_UP;
    loop {
        let event = heard_by_b.recv().await.ok_or("the transport stopped")?;
        let now = environment.now();
        if now >= began && matches!(event, TransportEvent::Received { .. }) {
            received += 1;
        }
        if now >= began + LENGTH {
            break;
        }
    }
    let seconds = (environment.now() - began).as_secs_f64();
    sending.abort();
    a.stop().await;
    b.stop().await;
    Ok(received as f64 / seconds)
}

async fn send(transport: BrokerTransport, channel: Channel, packet_bytes: usize) {
    let packet = Bytes::from(vec![7; packet_bytes]);
    loop {
        match transport.send(&channel, packet.clone()) {
            Ok(()) => {}
            Err(SendError::Full) => tokio::task::yield_now().await,
            Err(_) => return,
        }
    }
}

async fn data_channel(events: &mut TransportEvents) -> Result<Channel, &'static str> {
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
