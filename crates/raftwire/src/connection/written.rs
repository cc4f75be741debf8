//! The second reply: told when a message was handed to the socket.

use raftwire_link::LinkIdentity;
use tokio::sync::oneshot;

use crate::peer::PeerHandle;

/// Who wants to learn that a message was written, or that it never will be.
#[derive(Debug)]
enum Asker {
    Here(oneshot::Sender<bool>),
    /// The link that asked: another one, to a new process of the same node, has other tokens.
    Peer {
        peer: PeerHandle,
        asked_by: LinkIdentity,
        token: u64,
    },
}

/// Redeemed once when the message was written; dropping it says that it will not be.
#[derive(Debug)]
pub(crate) struct WrittenTicket {
    asker: Option<Asker>,
}

impl WrittenTicket {
    pub(crate) fn here() -> (WrittenTicket, oneshot::Receiver<bool>) {
        let (sender, receiver) = oneshot::channel();
        (
            WrittenTicket {
                asker: Some(Asker::Here(sender)),
            },
            receiver,
        )
    }

    pub(crate) fn peer(peer: PeerHandle, asked_by: LinkIdentity, token: u64) -> WrittenTicket {
        WrittenTicket {
            asker: Some(Asker::Peer {
                peer,
                asked_by,
                token,
            }),
        }
    }

    pub(crate) fn written(mut self) {
        self.answer(true);
    }

    fn answer(&mut self, written: bool) {
        match self.asker.take() {
            // An asker that has gone no longer wants to know.
            Some(Asker::Here(sender)) => drop(sender.send(written)),
            Some(Asker::Peer {
                peer,
                asked_by,
                token,
            }) => peer.tell_written(asked_by, token, written),
            None => {}
        }
    }
}

impl Drop for WrittenTicket {
    fn drop(&mut self) {
        self.answer(false);
    }
}
