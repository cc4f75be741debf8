//! The transport over turmoil's TCP, with cuts: time is simulated, so that how long things take
//! can be said exactly.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{PORT, WsHarness, node};
use futures_util::SinkExt;
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{Endpoint, Lane, NodeAddress, Scheme};
use raftwire_transport::{
    ClusterTransport, Lanes, SendError, TransportEvent, TransportSetup, conformance,
};
use raftwire_transport_ws::{WsClusterTransport, WsOptions};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

fn simulation(seconds: u64) -> turmoil::Sim<'static> {
    turmoil::Builder::new()
        .simulation_duration(Duration::from_secs(seconds))
        .rng_seed(1)
        .build()
}

fn environment() -> Environment {
    Environment::simulated(1, SimulatedDisk::new(1))
}

/// A node on the host of its name, and its peers on theirs.
fn setup(id: &str, peers: &[&str]) -> TransportSetup {
    let address = |peer: &&str| NodeAddress {
        node: node(peer),
        endpoint: Some(Endpoint::new(Scheme::Ws, peer, PORT).unwrap()),
    };
    TransportSetup {
        environment: environment(),
        cluster: "test".to_owned(),
        node: node(id),
        peers: peers.iter().map(address).collect(),
        lanes: Lanes::Both,
    }
}

fn listening() -> WsOptions {
    WsOptions {
        listen: Some(("0.0.0.0".to_owned(), PORT)),
        ..WsOptions::default()
    }
}

#[test]
fn conformance_suite_passes_over_simulated_sockets() {
    let mut simulation = simulation(3_600);
    simulation.client("host", async {
        conformance::run_all(&WsHarness::simulated(environment())).await;
        conformance::run_all_strangers(&WsHarness::simulated(environment())).await;
        Ok(())
    });
    simulation.run().unwrap();
}

#[test]
fn conformance_suite_passes_over_tls_over_simulated_sockets() {
    let mut simulation = simulation(3_600);
    simulation.client("host", async {
        let harness = || WsHarness::simulated(environment()).with_tls();
        conformance::run_all(&harness()).await;
        conformance::run_all_strangers(&harness()).await;
        Ok(())
    });
    simulation.run().unwrap();
}

/// What happened at a node: when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Note {
    Up(Lane),
    Down(Lane, String),
}

type Notes = Arc<Mutex<Vec<(Duration, Note)>>>;

/// A node that adopts whatever comes up and notes what happens.
fn host(simulation: &mut turmoil::Sim<'_>, id: &'static str, peer: &'static str) -> Notes {
    let notes = Notes::default();
    let its_notes = Arc::clone(&notes);
    simulation.host(id, move || {
        let notes = Arc::clone(&its_notes);
        async move {
            let transport = WsClusterTransport::new(setup(id, &[peer]), listening())?;
            let mut events = transport.start().await?;
            while let Some(event) = events.recv().await {
                let note = match event {
                    TransportEvent::PeerUp { channel, .. } => {
                        // As the hello would: of two that both dialled, what "a" dialled is kept,
                        // and here only "a" dials.
                        transport.adopt(&channel);
                        Note::Up(channel.lane)
                    }
                    TransportEvent::PeerDown { channel, reason } => {
                        Note::Down(channel.lane, reason)
                    }
                    TransportEvent::Received { .. } => continue,
                };
                let at = turmoil::sim_elapsed().unwrap_or_default();
                notes.lock().unwrap().push((at, note));
            }
            Ok(())
        }
    });
    notes
}

fn run_for(simulation: &mut turmoil::Sim<'_>, duration: Duration) {
    let until = simulation.elapsed() + duration;
    while simulation.elapsed() < until {
        simulation.step().unwrap();
    }
}

fn is_up(notes: &Notes) -> bool {
    let notes = notes.lock().unwrap();
    Lane::ALL.into_iter().all(|lane| {
        let of_lane = notes.iter().rev().find(|(_, note)| match note {
            Note::Up(of) | Note::Down(of, _) => *of == lane,
        });
        matches!(of_lane, Some((_, Note::Up(_))))
    })
}

#[test]
fn half_open_connection_is_detected_within_three_intervals_and_dialled_again_when_healed() {
    let mut simulation = simulation(600);
    let at_a = host(&mut simulation, "a", "b");
    let at_b = host(&mut simulation, "b", "nobody");
    run_for(&mut simulation, Duration::from_secs(10));
    assert!(is_up(&at_a) && is_up(&at_b), "{at_a:?} {at_b:?}");
    at_a.lock().unwrap().clear();
    at_b.lock().unwrap().clear();

    for _ in 0..3 {
        let cut = simulation.elapsed();
        simulation.partition("a", "b");
        run_for(&mut simulation, Duration::from_secs(20));
        for notes in [&at_a, &at_b] {
            let mut notes = notes.lock().unwrap();
            let [(first, down), (second, _)] = &notes[..] else {
                panic!("{notes:?}");
            };
            assert!(
                matches!(down, Note::Down(_, reason) if reason == "not a byte came for 3s"),
                "{notes:?}"
            );
            // Bytes that were on the way at the cut may still come, for 100 ms in this network.
            let limit = cut + Duration::from_millis(3_100);
            assert!(
                *first <= limit && *second <= limit,
                "cut at {cut:?}: {notes:?}"
            );
            notes.clear();
        }

        simulation.repair("a", "b");
        // The longest pause, a dial, and the way there and back.
        run_for(&mut simulation, Duration::from_secs(10));
        assert!(is_up(&at_a) && is_up(&at_b), "{at_a:?} {at_b:?}");
        at_a.lock().unwrap().clear();
        at_b.lock().unwrap().clear();
    }
}

#[test]
fn black_holed_peer_delays_no_other() {
    let mut simulation = simulation(600);
    let at_b = host(&mut simulation, "b", "nobody");
    let _at_c = host(&mut simulation, "c", "nobody");
    simulation.client("a", async move {
        turmoil::partition("a", "c");
        let transport = WsClusterTransport::new(setup("a", &["c", "b"]), WsOptions::default())?;
        let begun = turmoil::elapsed();
        let mut events = transport.start().await?;
        for _ in Lane::ALL {
            let event = events.recv().await;
            assert!(
                matches!(&event, Some(TransportEvent::PeerUp { channel, .. })
                    if channel.peer == node("b")),
                "{event:?}"
            );
        }
        let took = turmoil::elapsed() - begun;
        assert!(took < Duration::from_secs(1), "{took:?}");
        transport.stop().await;
        Ok(())
    });
    simulation.run().unwrap();
    assert!(!at_b.lock().unwrap().is_empty());
}

#[test]
fn peer_that_was_away_for_long_is_dialled_again() {
    let mut simulation = simulation(600);
    let at_a = host(&mut simulation, "a", "b");
    let _at_b = host(&mut simulation, "b", "nobody");
    run_for(&mut simulation, Duration::from_secs(10));
    assert!(is_up(&at_a));

    simulation.crash("b");
    // A hundred times the longest pause.
    run_for(&mut simulation, Duration::from_secs(500));
    assert!(!is_up(&at_a));
    simulation.bounce("b");

    // The longest pause, a dial, and the way there and back.
    run_for(&mut simulation, Duration::from_secs(10));
    assert!(is_up(&at_a), "{at_a:?}");
}

/// The node "a", which listens, and a stranger that does as it likes.
fn with_stranger<F>(stranger: impl FnOnce() -> F) -> Notes
where
    F: Future<Output = turmoil::Result> + 'static,
{
    let mut simulation = simulation(60);
    let notes = host(&mut simulation, "a", "nobody");
    simulation.client("stranger", stranger());
    simulation.run().unwrap();
    notes
}

#[test]
fn handshake_that_takes_too_long_is_dropped() {
    let notes = with_stranger(|| async {
        let mut io = environment().connect("a", PORT).await?;
        let begun = turmoil::elapsed();
        let request = b"GET /cluster?node=b&lane=control HTTP/1.1\r\n".chunks(1);
        let dribble = async {
            for byte in request {
                io.write_all(byte).await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            turmoil::Result::Ok(())
        };

        assert!(
            dribble.await.is_err(),
            "the connection outlived its request"
        );

        let lived = turmoil::elapsed() - begun;
        let expected = Duration::from_secs(3)..Duration::from_secs(5);
        assert!(expected.contains(&lived), "{lived:?}");
        Ok(())
    });
    assert!(notes.lock().unwrap().is_empty(), "a channel came up");
}

#[test]
fn peer_that_takes_nothing_is_dropped() {
    let mut simulation = simulation(60);
    simulation.host("sloth", || async {
        let io = environment().connect("a", PORT).await?;
        let url = format!("ws://a:{PORT}/cluster?node=b&lane=data");
        let (mut stream, _) = tokio_tungstenite::client_async(url, io).await?;
        // It shows life for ever, and reads nothing.
        while stream.send(Message::Ping(Bytes::new())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    });
    simulation.client("a", async {
        let transport = WsClusterTransport::new(setup("a", &[]), listening())?;
        let mut events = transport.start().await?;
        let Some(TransportEvent::PeerUp { channel, .. }) = events.recv().await else {
            panic!("no channel");
        };
        transport.adopt(&channel);
        let packet = Bytes::from(vec![0; Lane::Data.packet_bytes_max()]);
        let mut bytes = 0;
        let mut full = 0;
        while full < 100 {
            match transport.send(&channel, packet.clone()) {
                Ok(()) => (bytes, full) = (bytes + packet.len(), 0),
                Err(error) => {
                    assert_eq!(error, SendError::Full);
                    full += 1;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        assert!(
            bytes >= WsOptions::default().data_queue_bytes_max,
            "{bytes}"
        );
        let stalled = turmoil::elapsed();

        let Some(TransportEvent::PeerDown { reason, .. }) = events.recv().await else {
            panic!("the channel is not given up");
        };

        assert_eq!(reason, "the peer took not a byte for 3s");
        let took = turmoil::elapsed() - stalled;
        assert!(took <= Duration::from_secs(3), "{took:?}");
        Ok(())
    });
    simulation.run().unwrap();
}
