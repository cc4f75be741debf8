//! Somebody on the cluster channel who is no node: a WebSocket of his own, and every packet by hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use raftwire_environment::Environment;
use raftwire_link::protection::{PacketKeys, Protection};
use raftwire_link::session::{
    Handshake, HandshakeEvent, LocalIdentity, Medium, RefusalReason, Role, Secret, VersionRange,
};
use raftwire_protocol::messages::{RequestBody, ResponseBody};
use raftwire_protocol::{
    Incarnation, Lane, PacketHeader, PacketKind, RaftId, Session, decode_packet, encode_packet,
};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use super::WAIT_MAX;

/// The service that tells how many connections a node has.
const REPORT: u8 = 2;

/// Somebody with a connection to a node's cluster channel.
#[derive(Debug)]
pub struct Intruder {
    identity: Arc<LocalIdentity>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Every packet that he has sent.
    pub sent: Vec<Bytes>,
    /// The node's session, once it has said hello.
    node: Session,
}

impl Intruder {
    /// Connects to the control lane as `name`, saying nothing yet.
    pub async fn connect(port: u16, name: &str, cluster: &str, secret: &str) -> Intruder {
        let uri: http::Uri = format!("ws://127.0.0.1:{port}/cluster?node={name}&lane=control")
            .parse()
            .unwrap();
        let builder = ClientBuilder::from_uri(uri);
        let connecting = tokio::time::timeout(WAIT_MAX, builder.connect());
        let (socket, _) = connecting.await.expect("in time").expect("connected");
        let session = Session::new(u128::from(Environment::real().random_u64()));
        let identity = LocalIdentity {
            cluster: cluster.to_owned(),
            node: name.parse().unwrap(),
            session,
            raft_id: RaftId::new(7),
            role: Role::Voter,
            secret: Some(Secret::new(secret).unwrap()),
            secret_previous: None,
            versions: VersionRange::CURRENT,
        };
        Intruder {
            identity: Arc::new(identity),
            socket,
            sent: Vec::new(),
            node: Session::NONE,
        }
    }

    /// Says hello as a node does: the keys of the packets after it, or why he was refused.
    pub async fn say_hello(&mut self) -> Result<PacketKeys, RefusalReason> {
        let environment = Environment::real();
        let medium = Medium {
            protection: Protection::Authenticated,
            ..Medium::from(Lane::Control)
        };
        let mut nonce = [0; 32];
        environment.fill_random(&mut nonce);
        let identity = Arc::clone(&self.identity);
        let mut handshake = Handshake::new(identity, None, medium, nonce, environment.now());
        loop {
            while let Some(packet) = handshake.poll_transmit() {
                self.send(packet).await;
            }
            match handshake.poll_event() {
                Some(HandshakeEvent::Established(peer)) => {
                    self.node = peer.session;
                    return Ok(handshake
                        .take_packet_keys()
                        .expect("protection was demanded"));
                }
                Some(HandshakeEvent::Failed { reason, .. }) => return Err(reason),
                None => {}
            }
            let packet = self.hear().await.expect("the node says something");
            let (header, body) = decode_packet(packet).expect("a packet");
            handshake.handle(&header, body, environment.now());
        }
    }

    /// Sends a packet, whatever it is.
    pub async fn send(&mut self, packet: Bytes) {
        self.sent.push(packet.clone());
        // Where the node has closed the connection, the next thing heard says so.
        let _ = self.socket.send(Message::binary(packet)).await;
    }

    /// A question that any node answers to a node that belongs to its cluster.
    pub fn question(&self, id: u64) -> Bytes {
        let request = RequestBody {
            id,
            deadline_ms: 10_000,
            body: Bytes::from_static(&[REPORT]),
            stamp: None,
        };
        let header = PacketHeader {
            kind: PacketKind::Request,
            flags: 0,
            lane: Lane::Control,
            from: self.identity.session,
            to: self.node,
            from_incarnation: Incarnation::NONE,
            to_incarnation: Incarnation::NONE,
        };
        encode_packet(&header, &request.encode_to_vec())
    }

    /// The id of the next question that the node answers; the answer must be protected.
    pub async fn answered(&mut self, keys: &mut PacketKeys) -> u64 {
        loop {
            let packet = self.hear().await.expect("the node says something");
            let (header, _) = decode_packet(packet.clone()).expect("a packet");
            assert_ne!(
                header.kind,
                PacketKind::Response,
                "an answer without a code"
            );
            if header.kind != PacketKind::Protected {
                continue;
            }
            let (header, body) = keys.opener.open(packet).expect("the node's code is right");
            if header.kind == PacketKind::Response {
                return ResponseBody::decode(body).expect("an answer").id;
            }
        }
    }

    /// The next packet of the node; `None`: it has closed the connection.
    pub async fn hear(&mut self) -> Option<Bytes> {
        let hearing = async {
            loop {
                let message = self.socket.next().await?.ok()?;
                if message.is_binary() {
                    return Some(Bytes::from(message.into_payload()));
                }
                if message.is_close() {
                    return None;
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, hearing)
            .await
            .expect("in time")
    }

    /// Everything that the node says until it closes the connection.
    pub async fn hear_to_the_end(&mut self) -> Vec<PacketHeader> {
        let mut heard = Vec::new();
        while let Some(packet) = self.hear().await {
            heard.push(decode_packet(packet).expect("a packet").0);
        }
        heard
    }
}
