//! The memory network between the hosts of a turmoil simulation, each with a runtime and a clock
//! of its own.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{MemoryHarness, setup};
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::TransportEvent;
use raftwire_transport::conformance;
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};

fn node(name: &str) -> NodeId {
    name.parse().unwrap()
}

fn simulation(seconds: u64) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(seconds))
        .rng_seed(1)
        .build()
}

#[test]
fn conformance_suite_passes_inside_a_simulated_host() {
    let mut simulation = simulation(600);
    simulation.client("host", async {
        conformance::run_all(&MemoryHarness::good(1)).await;
        conformance::run_all_strangers(&MemoryHarness::good(1)).await;
        Ok(())
    });
    simulation.run().unwrap();
}

/// Two hosts; the one sends numbers, the other notes what it hears, is bounced in between, and
/// hears again.
fn heard(seed: u64) -> Vec<String> {
    let network = MemoryNetwork::new(seed);
    network.set_default_profile(LinkProfile::bad());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut simulation = simulation(60);

    let (its_network, notes) = (network.clone(), Arc::clone(&heard));
    simulation.host("listener", move || {
        let (network, notes) = (its_network.clone(), Arc::clone(&notes));
        async move {
            let transport = network.transport(setup(&node("listener"), &[node("speaker")]));
            let mut events = transport.start().await?;
            while let Some(event) = events.recv().await {
                let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
                let note = match event {
                    TransportEvent::PeerUp { channel, .. } => format!("{at} up {channel}"),
                    TransportEvent::Received { packet, .. } => format!("{at} {packet:?}"),
                    TransportEvent::PeerDown { channel, .. } => format!("{at} down {channel}"),
                };
                notes.lock().unwrap().push(note);
            }
            Ok(())
        }
    });
    simulation.client("speaker", async move {
        let transport = network.transport(setup(&node("speaker"), &[node("listener")]));
        let mut events = transport.start().await?;
        let mut number = 0_u32;
        let mut channel = None;
        while number < 400 {
            while let Ok(event) =
                tokio::time::timeout(Duration::from_millis(5), events.recv()).await
            {
                match event {
                    Some(TransportEvent::PeerUp { channel: up, .. }) if up.lane == Lane::Data => {
                        channel = Some(up);
                    }
                    Some(TransportEvent::PeerDown { channel: down, .. }) => {
                        channel = channel.filter(|up| *up != down);
                    }
                    _ => {}
                }
            }
            number += 1;
            if let Some(channel) = &channel {
                transport.send(channel, Bytes::copy_from_slice(&number.to_be_bytes()))?;
            }
        }
        Ok(())
    });

    for _ in 0..500 {
        simulation.step().unwrap();
    }
    let before = heard.lock().unwrap().len();
    assert!(before > 10, "heard nothing before the crash");
    simulation.crash("listener");
    for _ in 0..100 {
        simulation.step().unwrap();
    }
    assert_eq!(heard.lock().unwrap().len(), before, "a crashed host hears");
    simulation.bounce("listener");
    while !simulation.step().unwrap() {}
    let after = heard.lock().unwrap().len();
    assert!(after > before + 10, "heard nothing after the restart");
    let notes = heard.lock().unwrap();
    notes.clone()
}

#[test]
fn crashed_host_comes_back_and_the_same_seed_gives_the_same_trace() {
    let first = heard(11);

    assert_eq!(first, heard(11));
    assert_ne!(first, heard(12));
}
