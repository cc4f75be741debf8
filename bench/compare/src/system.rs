use crate::case::{Case, Work};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Raftwire,
    Nats,
    SocketIo,
    Socketioxide,
    Ws,
    UWebSockets,
    /// The least that the machine needs: a bare program of ours.
    Limit,
}

impl System {
    /// In the order in which they are measured: ours, the peers, the limit.
    pub(crate) const ALL: [System; 7] = [
        System::Raftwire,
        System::Nats,
        System::SocketIo,
        System::Socketioxide,
        System::Ws,
        System::UWebSockets,
        System::Limit,
    ];

    /// As it is asked for.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            System::Raftwire => "raftwire",
            System::Nats => "nats",
            System::SocketIo => "socket.io",
            System::Socketioxide => "socketioxide",
            System::Ws => "ws",
            System::UWebSockets => "uwebsockets",
            System::Limit => "limit",
        }
    }

    pub(crate) fn takes(self, case: &Case) -> bool {
        match case.work {
            Work::Echo(_) | Work::Storm => matches!(
                self,
                System::Raftwire | System::Ws | System::UWebSockets | System::Limit
            ),
            Work::Fanout(fanout) => {
                self == System::Raftwire || (self == System::Limit && fanout.nodes == 1)
            }
            Work::Idle => matches!(self, System::Raftwire | System::Ws | System::UWebSockets),
            Work::Route(_) | Work::Latency(_) => !matches!(self, System::Ws | System::UWebSockets),
        }
    }

    /// As it stands in a table.
    pub(crate) fn title(self, work: Work) -> &'static str {
        match (self, work) {
            (System::Raftwire, Work::Route(_) | Work::Latency(_)) => "Raftwire, two nodes",
            (System::Raftwire, Work::Fanout(fanout)) => match fanout.nodes {
                1 => "Raftwire, a group on one node",
                _ => "Raftwire, a group on three nodes",
            },
            (System::Raftwire, _) => "Raftwire, `/echo`",
            (System::Nats, _) => "NATS, two servers",
            (System::SocketIo, _) => "Socket.IO, two nodes and Redis",
            (System::Socketioxide, _) => "socketioxide, two nodes and Redis",
            (System::Ws, _) => "ws (Node.js)",
            (System::UWebSockets, _) => "uWebSockets.js (Node.js)",
            (System::Limit, Work::Fanout(_)) => "limit: bare write loop",
            (System::Limit, Work::Storm) => {
                "limit: accept loop, 64 bytes there and back in place of a handshake"
            }
            (System::Limit, Work::Route(_) | Work::Latency(_)) => {
                "limit: bare relay, two processes"
            }
            (System::Limit, _) => "limit: bare TCP echo",
        }
    }

    /// Who says what when a message is acknowledged; `None`: it passes nothing on.
    pub(crate) const fn acknowledgement(self) -> Option<&'static str> {
        match self {
            System::Raftwire => Some(
                "the receiver's node, to the sender: the message is on its way to the receiver's socket, or why it is not. Fire and forget has the same results, which are counted and which nobody waits for",
            ),
            System::Nats => Some(
                "the receiver's client: the message is a request to its subject, and it publishes 8 bytes to the inbox of the sender. The servers promise nothing. Fire and forget is a plain publication",
            ),
            System::SocketIo => Some(
                "the receiver's client, by `io.to(room).timeout().emitWithAck()` on the sender's node, through Redis and back. Fire and forget is `io.to(room).emit()`, of whose loss nobody hears",
            ),
            System::Socketioxide => Some(
                "the receiver's client, by `io.to(room).timeout().emit_with_ack()` on the sender's node, through Redis and back. Fire and forget is `io.to(room).emit()`, of whose loss nobody hears",
            ),
            System::Limit => Some(
                "the receiver's process returns the message itself, as long as it is, and promises nothing. Fire and forget is not returned",
            ),
            System::Ws | System::UWebSockets => None,
        }
    }
}
