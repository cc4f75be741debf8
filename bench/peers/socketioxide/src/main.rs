//! A node of socketioxide with its Redis adapter. PORT is the port on 127.0.0.1, REDIS_PORT the server's.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt as _;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};

/// How long a receiver's client may take to acknowledge.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::var("PORT")?.parse()?;
    let redis_port: u16 = std::env::var("REDIS_PORT")?.parse()?;
    let client = redis::Client::open(format!("redis://127.0.0.1:{redis_port}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = SocketIo::builder()
        .with_adapter::<RedisAdapter<_>>(adapter)
        .build_layer();
    io.ns("/", on_connect).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    // Which Socket.IO itself does.
    socket.join(socket.id.to_string());
    socket.on("tell", tell);
    socket.on("send", send);
}

async fn tell<A: Adapter>(io: SocketIo<A>, Data((room, payload)): Data<(String, String)>) {
    // A message that is not told of is missed by who measures.
    let _ = io.to(room).emit("message", &payload).await;
}

async fn send<A: Adapter>(
    io: SocketIo<A>,
    Data((room, payload)): Data<(String, String)>,
    acknowledge: AckSender<A>,
) {
    let asked = io.to(room).timeout(PATIENCE);
    let mut outcome = "nobody";
    if let Ok(answers) = asked.emit_with_ack::<_, u8>("message", &payload).await {
        let mut answers = std::pin::pin!(answers);
        while let Some((_, answer)) = answers.next().await {
            outcome = if answer.is_ok() {
                "delivered"
            } else {
                "timeout"
            };
        }
    }
    // A sender that has gone does not wait.
    let _ = acknowledge.send(outcome);
}
