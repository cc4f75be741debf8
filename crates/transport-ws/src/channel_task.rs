use std::time::Duration;

use raftwire_protocol::{CloseCode, Lane, NodeId};
use raftwire_transport::{ChannelSecurity, Initiator, TransportEvent};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;

use crate::context::{Context, OpenChannel};
use crate::send_queue::SendQueue;
use crate::socket::{Socket, SocketError, SocketReader, SocketWriter, linger};
use crate::watched_io::{Direction, Progress};

/// How long a close may take: writing what is queued, the close frame, and the peer's answer.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of packets that are written before the reading half gets its turn.
const WRITE_RUN_BYTES: usize = 512 * 1024;

/// An upgraded connection that is to become a channel.
pub(crate) struct NewChannel {
    pub(crate) socket: Socket,
    pub(crate) progress: Progress,
    pub(crate) peer: NodeId,
    pub(crate) lane: Lane,
    pub(crate) initiator: Initiator,
    pub(crate) security: ChannelSecurity,
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// What became of a channel.
#[derive(Debug)]
pub(crate) struct ChannelEnd {
    pub(crate) adopted: bool,
    pub(crate) lived: Duration,
    pub(crate) reason: String,
}

/// Why a channel ends.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("{0}")]
    Asked(String),
    #[error("the transport stops")]
    Stopping,
    #[error("no hello succeeded within {0:?}")]
    NotAdopted(Duration),
    #[error("not a byte came for {0:?}")]
    Silent(Duration),
    #[error("the peer took not a byte for {0:?}")]
    Stalled(Duration),
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Runs a channel from its `PeerUp` to its `PeerDown`.
pub(crate) async fn run(context: &Context, new: NewChannel) -> ChannelEnd {
    let NewChannel {
        socket,
        progress,
        peer,
        lane,
        initiator,
        security,
        place,
    } = new;
    let begun = context.environment().now();
    let open = context.add_channel(peer, lane, place);
    let channel = open.channel.clone();
    let (mut writer, mut reader) = socket.split();

    let up = TransportEvent::PeerUp {
        channel: channel.clone(),
        initiator,
        security,
    };
    let ending = match context.tell(up).await {
        Ok(()) => serve(context, &open, &mut reader, &mut writer, &progress).await,
        Err(_) => Ending::Stopping,
    };

    // From here on nothing more can be sent.
    let queue = open.queue.clone();
    let adopted = open.was_adopted();
    drop(open);
    let reason = ending.to_string();
    tracing::debug!(%channel, adopted, reason, "cluster channel ended");
    let down = TransportEvent::PeerDown {
        channel,
        reason: reason.clone(),
    };
    let (_, ()) = tokio::join!(context.tell(down), close(&ending, &queue, reader, writer));
    ChannelEnd {
        adopted,
        lived: context.environment().now().duration_since(begun),
        reason,
    }
}

/// Reads and writes until the channel is to end.
async fn serve(
    context: &Context,
    open: &OpenChannel,
    reader: &mut SocketReader,
    writer: &mut SocketWriter,
    progress: &Progress,
) -> Ending {
    // Not biased: each half can use up the task's whole turn, and must not do so every time.
    tokio::select! {
        ending = read(context, open, reader, progress) => ending,
        ending = write(context, &open.queue, writer, progress) => ending,
        reason = open.queue.closed() => Ending::Asked(reason),
        ending = not_adopted(context, open) => ending,
        () = context.ends() => Ending::Stopping,
    }
}

async fn read(
    context: &Context,
    open: &OpenChannel,
    reader: &mut SocketReader,
    progress: &Progress,
) -> Ending {
    let silence_max = context.options().silence_max();
    let channel = &open.channel;
    loop {
        let next = reader.next(channel.lane);
        let next = progress.while_moving(Direction::Read, silence_max, next);
        let packet = match next.await {
            Some(Ok(packet)) => packet,
            Some(Err(error)) => return Ending::Socket(error),
            None => return Ending::Silent(silence_max),
        };
        let event = TransportEvent::Received {
            channel: channel.clone(),
            packet,
        };
        if context.tell(event).await.is_err() {
            return Ending::Stopping;
        }
    }
}

async fn write(
    context: &Context,
    queue: &SendQueue,
    writer: &mut SocketWriter,
    progress: &Progress,
) -> Ending {
    let options = context.options();
    let mut pings = tokio::time::interval(options.ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ping = tokio::select! {
            biased;
            _ = pings.tick() => true,
            () = queue.filled() => false,
        };
        let written = write_run(queue, writer, ping);
        let silence_max = options.silence_max();
        match progress
            .while_moving(Direction::Write, silence_max, written)
            .await
        {
            Some(Ok(())) => tokio::task::yield_now().await,
            Some(Err(error)) => return Ending::Socket(error),
            None => return Ending::Stalled(silence_max),
        }
    }
}

/// Writes what is queued, many packets to a system call.
async fn write_run(
    queue: &SendQueue,
    writer: &mut SocketWriter,
    ping: bool,
) -> Result<(), SocketError> {
    if ping {
        writer.feed_ping().await?;
    }
    let mut bytes = 0;
    while bytes < WRITE_RUN_BYTES
        && let Some(packet) = queue.pop()
    {
        bytes += packet.len();
        writer.feed(packet).await?;
    }
    writer.flush().await
}

async fn not_adopted(context: &Context, open: &OpenChannel) -> Ending {
    let adopt_timeout = context.options().adopt_timeout;
    tokio::time::sleep(adopt_timeout).await;
    if open.was_adopted() {
        std::future::pending::<()>().await;
    }
    Ending::NotAdopted(adopt_timeout)
}

/// Ends the connection, in words where there is still somebody to hear them.
async fn close(ending: &Ending, queue: &SendQueue, reader: SocketReader, mut writer: SocketWriter) {
    let (code, reason) = match ending {
        Ending::Asked(reason) => (CloseCode::NORMAL, reason.clone()),
        Ending::Stopping => (CloseCode::GOING_AWAY, ending.to_string()),
        Ending::NotAdopted(_) | Ending::Stalled(_) => (CloseCode::STALE, ending.to_string()),
        Ending::Socket(SocketError::TooLarge { limit }) => (
            CloseCode::TOO_LARGE,
            format!("a packet is over {limit} bytes"),
        ),
        Ending::Socket(SocketError::Violation(text)) => (CloseCode::PROTOCOL_ERROR, text.clone()),
        Ending::Socket(SocketError::ClosedByPeer(_)) => {
            // The answer to its close frame is in the buffer.
            let flushed = tokio::time::timeout(CLOSE_TIMEOUT, writer.flush()).await;
            if let Ok(Ok(())) = flushed {
                linger(reader, writer, CLOSE_TIMEOUT).await;
            }
            return;
        }
        Ending::Silent(_) | Ending::Socket(SocketError::Lost(_)) => return,
    };
    let polite = async {
        if matches!(ending, Ending::Asked(_) | Ending::Stopping) {
            // A refusal, for example, which is queued just before its channel is closed.
            while let Some(packet) = queue.pop() {
                writer.feed(packet).await?;
            }
        }
        writer.close(code, &reason).await
    };
    if let Ok(Ok(())) = tokio::time::timeout(CLOSE_TIMEOUT / 2, polite).await {
        linger(reader, writer, CLOSE_TIMEOUT / 2).await;
    }
}

/// Whether bytes between these two addresses leave the machine.
pub(crate) fn security_of(io: &raftwire_environment::TcpStream) -> ChannelSecurity {
    match io.peer_addr() {
        Ok(address) if address.ip().to_canonical().is_loopback() => ChannelSecurity::Loopback,
        _ => ChannelSecurity::Untrusted,
    }
}
