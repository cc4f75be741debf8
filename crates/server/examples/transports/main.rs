//! Measures what carries the traffic between nodes, beside each broker's own limit, on this machine.
//!
//! `make figures-transports` builds and runs this. Each round measures every transport in turn, so that a
//! machine that drifts drifts for all; what is printed are medians. Arguments are the transports to measure
//! (`ws`, `redis`, `rabbitmq`) and `rounds=5`. The brokers are private ones, which end with the program.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods // it starts brokers
)]

#[path = "../../../transport-rabbitmq/examples/throughput/bare.rs"]
#[allow(dead_code)]
mod bare_rabbitmq;
mod bare_redis;
mod carrier;
mod comeback;
mod counted;
mod nodes;
#[path = "../../../transport-rabbitmq/tests/common/rabbitmq_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod rabbitmq_server;
mod rates;
#[path = "../../../transport-redis/tests/common/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;
#[path = "../figures/statistics.rs"]
#[allow(dead_code)]
mod statistics;

use std::error::Error;
use std::time::Duration;

use raftwire_environment::Environment;

use carrier::{Broker, Carrier};
use nodes::Nodes;
use statistics::milliseconds;

/// Enough for a median that one slow round does not move.
const ROUNDS: usize = 5;

/// What a bare publisher and a bare subscriber pass on by the broker, in messages a second.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// In packets like the transport's.
    in_packets: f64,
    /// Each in a publication of its own.
    one_by_one: f64,
}

/// What one round found of one transport.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// Messages a second that nobody waits for, received.
    forgotten: f64,
    /// How many of them went in one packet.
    per_packet: f64,
    limit: Option<Limit>,
    /// Acknowledged messages a second, many in flight.
    acknowledged: f64,
    /// Until the acknowledgement of one message at a time.
    p50: Duration,
    p99: Duration,
    /// From the broker's return to a leader.
    leader: Option<Duration>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let environment = Environment::real();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rounds = ROUNDS;
    let mut carriers = Vec::new();
    for argument in &arguments {
        match argument.strip_prefix("rounds=") {
            Some(count) => rounds = count.parse()?,
            None => carriers.push(argument.parse::<Carrier>()?),
        }
    }
    if carriers.is_empty() {
        carriers = Carrier::ALL.to_vec();
    }
    let mut figures = vec![Vec::new(); carriers.len()];
    for round in 1..=rounds {
        for (carrier, figures) in carriers.iter().zip(&mut figures) {
            println!("round {round} of {rounds}: {}", carrier.name());
            figures.push(measure(&environment, *carrier).await?);
        }
    }
    println!();
    for (carrier, figures) in carriers.iter().zip(&figures) {
        tell(*carrier, figures);
    }
    compare(&carriers, &figures);
    Ok(())
}

async fn measure(environment: &Environment, carrier: Carrier) -> Result<Figures, Box<dyn Error>> {
    let mut broker = Broker::start(carrier);
    let nodes = Nodes::start(environment, carrier, broker.as_ref()).await?;
    let forgotten = rates::forget(environment, &nodes).await?;
    let acknowledged = rates::acknowledge(environment, &nodes).await?;
    let latencies = rates::one_by_one(environment, &nodes).await?;
    let limit = match &broker {
        Some(broker) => {
            let packets = broker.bare(environment, forgotten.packet_bytes).await?;
            Some(Limit {
                in_packets: packets * forgotten.per_packet,
                one_by_one: broker.bare(environment, rates::PAYLOAD_BYTES).await?,
            })
        }
        None => None,
    };
    let leader = match &mut broker {
        Some(broker) => Some(comeback::measure(environment, &nodes, broker).await?),
        None => None,
    };
    nodes.stop().await;
    let figures = Figures {
        forgotten: forgotten.rate,
        per_packet: forgotten.per_packet,
        limit,
        acknowledged,
        p50: statistics::percentile(&latencies, 0.5),
        p99: statistics::percentile(&latencies, 0.99),
        leader,
    };
    println!("  {figures:?}");
    Ok(figures)
}

fn tell(carrier: Carrier, rounds: &[Figures]) {
    let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
    println!(
        "{}, {} bytes, medians of {} rounds:",
        carrier.name(),
        rates::PAYLOAD_BYTES,
        rounds.len()
    );
    println!(
        "  fire and forget: {:.0} messages/s, {:.0} in a packet",
        of(|figures| figures.forgotten),
        of(|figures| figures.per_packet)
    );
    println!(
        "  acknowledged:    {:.0} messages/s",
        of(|figures| figures.acknowledged)
    );
    println!(
        "  one at a time:   p50 {:.2} ms, p99 {:.2} ms",
        of(|figures| milliseconds(figures.p50)),
        of(|figures| milliseconds(figures.p99))
    );
    type Of = fn(&Limit) -> f64;
    let kinds: [(&str, Of); 2] = [
        ("the same packets", |limit| limit.in_packets),
        ("a publication for each message", |limit| limit.one_by_one),
    ];
    for (what, kind) in kinds {
        let limits = rounds.iter().filter_map(|figures| figures.limit.as_ref());
        let limits: Vec<f64> = limits.map(kind).collect();
        if limits.is_empty() {
            return;
        }
        let rates = rounds.iter().map(|figures| figures.forgotten);
        let shares = rates.zip(&limits).map(|(rate, limit)| rate / limit);
        let share = median(shares.collect());
        println!(
            "  a bare publisher and subscriber, {what}: {:.0} messages/s; fire and forget reaches {share:.2} of it",
            median(limits)
        );
    }
    println!(
        "  from the broker's return to a leader: {:.1} s",
        of(|figures| figures.leader.unwrap_or_default().as_secs_f64())
    );
}

/// What carries a message costs beside the library's own work, which is all that WebSocket on one
/// machine adds to.
fn compare(carriers: &[Carrier], figures: &[Vec<Figures>]) {
    let Some(ws) = carriers.iter().position(|carrier| *carrier == Carrier::Ws) else {
        return;
    };
    for (carrier, rounds) in carriers
        .iter()
        .zip(figures)
        .filter(|(it, _)| **it != Carrier::Ws)
    {
        let share = |figure: fn(&Figures) -> f64| {
            let pairs = rounds.iter().zip(&figures[ws]);
            median(pairs.map(|(one, ws)| figure(one) / figure(ws)).collect())
        };
        println!(
            "{} beside ws, round by round: fire and forget {:.2}, acknowledged {:.2}",
            carrier.name(),
            share(|figures| figures.forgotten),
            share(|figures| figures.acknowledged)
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    values.get(middle).copied().unwrap_or_default()
}
