//! A bare publisher and a bare subscriber of Redis: what the server itself passes on.
//!
//! They do what the transport does to the server, and nothing else: as many bytes in a publication, as
//! many publications in a write, a window that keeps the server from cutting the subscriber off.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftwire_environment::{Environment, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

const CHANNEL: &str = "raftwire:{cluster}:data:node:node3";
/// Bytes of the head that the transport puts before a packet.
const ENVELOPE_BYTES: usize = 74;
/// Bytes of publications in one write.
const WRITE_BYTES: usize = 256 * 1024;
/// Bytes on the way to the subscriber at a time.
const WINDOW_BYTES: u64 = 4 << 20;
const READ_BYTES: usize = 64 * 1024;
const LENGTH: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Progress {
    /// Bytes that the subscriber has read.
    read: AtomicU64,
    moved: Notify,
}

/// Packets a second.
pub(crate) async fn measure(
    environment: &Environment,
    port: u16,
    packet_bytes: usize,
) -> Result<f64, Box<dyn Error>> {
    let payload = "x".repeat(packet_bytes + ENVELOPE_BYTES);
    let publication = command(&["PUBLISH", CHANNEL, &payload]);
    let message_bytes = command(&["message", CHANNEL, &payload]).len() as u64;
    let progress: Arc<Progress> = Arc::default();
    let subscriber = environment.connect("127.0.0.1", port).await?;
    let subscriber = subscribe(subscriber).await?;
    let subscribing = environment.spawn("subscriber", read(subscriber, Arc::clone(&progress)));
    let publisher = environment.connect("127.0.0.1", port).await?;
    let publishing = publish(publisher, publication, message_bytes, Arc::clone(&progress));
    let publishing = environment.spawn("publisher", publishing);

    tokio::time::sleep(WARM_UP).await;
    let (at, before) = (environment.now(), progress.read.load(Ordering::Relaxed));
    tokio::time::sleep(LENGTH).await;
    let bytes = progress.read.load(Ordering::Relaxed) - before;
    let seconds = (environment.now() - at).as_secs_f64();
    let failed = publishing.is_finished() || subscribing.is_finished();
    publishing.abort();
    subscribing.abort();
    if failed {
        return Err("Redis has cut off the bare pair".into());
    }
    Ok(bytes as f64 / message_bytes as f64 / seconds)
}

/// Words as Redis has them on the wire, in both directions.
fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// Returns the stream once the server has answered.
async fn subscribe(mut stream: TcpStream) -> Result<TcpStream, Box<dyn Error>> {
    stream.write_all(&command(&["SUBSCRIBE", CHANNEL])).await?;
    let answer = format!(
        "*3\r\n$9\r\nsubscribe\r\n${}\r\n{CHANNEL}\r\n:1\r\n",
        CHANNEL.len()
    );
    let mut read = vec![0; answer.len()];
    stream.read_exact(&mut read).await?;
    match read == answer.as_bytes() {
        true => Ok(stream),
        false => Err("not subscribed".into()),
    }
}

async fn read(mut stream: TcpStream, progress: Arc<Progress>) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        progress.read.fetch_add(bytes as u64, Ordering::Relaxed);
        progress.moved.notify_one();
    }
}

async fn publish(
    stream: TcpStream,
    publication: Vec<u8>,
    message_bytes: u64,
    progress: Arc<Progress>,
) {
    let (mut answers, mut commands) = tokio::io::split(stream);
    let per_write = (WRITE_BYTES / publication.len()).max(1);
    let run = publication.repeat(per_write);
    let run_bytes = message_bytes * per_write as u64;
    let writing = async {
        let mut written = 0;
        loop {
            while written - progress.read.load(Ordering::Relaxed) + run_bytes > WINDOW_BYTES {
                progress.moved.notified().await;
            }
            if commands.write_all(&run).await.is_err() {
                return;
            }
            written += run_bytes;
        }
    };
    let reading = async {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(1..) = answers.read(&mut buffer).await {}
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}
