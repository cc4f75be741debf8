//! The axum example does what it says.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use raftwire::Environment;
use raftwire_environment::TcpStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

#[allow(dead_code)] // its main waits to be interrupted
#[path = "../examples/axum_app/main.rs"]
mod axum_app;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

const FREE_PORT: &str = "127.0.0.1:0";

/// A client of the application, which shares no code with it.
struct Client {
    socket: WebSocketStream<TcpStream>,
    id: String,
}

impl Client {
    async fn connect(address: &str) -> Client {
        let io = tcp(address).await;
        let url = format!("ws://{address}/ws");
        let (socket, _) = tokio_tungstenite::client_async(url, io)
            .await
            .expect("a WebSocket");
        let id = String::new();
        let mut client = Client { socket, id };
        let welcome = client.hear().await.into_text().expect("text");
        let id = welcome.strip_prefix("you are ").expect("its id");
        client.id = id.to_owned();
        client
    }

    async fn say(&mut self, text: String) {
        let sent = self.socket.send(Message::text(text)).await;
        sent.expect("an open socket");
    }

    async fn hear(&mut self) -> Message {
        let heard = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        heard.expect("in time").expect("open").expect("a message")
    }
}

async fn tcp(address: &str) -> TcpStream {
    let (host, port) = address.rsplit_once(':').expect("a port");
    let port = port.parse().expect("a port");
    let connected = Environment::real().connect(host, port).await;
    connected.expect("a server")
}

#[tokio::test]
async fn page_clients_and_cluster_share_the_port_of_an_axum_application() {
    let started = axum_app::start(&[FREE_PORT; 3]);
    let started = tokio::time::timeout(PATIENCE, started).await;
    let mut apps = started.expect("ready in time").expect("it starts");

    let mut page = tcp(&apps[0].0).await;
    let request = b"GET / HTTP/1.1\r\nhost: example\r\nconnection: close\r\n\r\n";
    page.write_all(request).await.expect("a request");
    let mut answer = String::new();
    page.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Raftwire on axum"));

    let mut alice = Client::connect(&apps[0].0).await;
    let mut bob = Client::connect(&apps[2].0).await;
    alice.say(format!("{} good morning", bob.id)).await;
    assert_eq!(bob.hear().await, Message::text("good morning"));
    assert_eq!(alice.hear().await, Message::text("delivered"));

    let (_, third) = apps.pop().expect("the third");
    third.stop().await;
    let Message::Close(Some(close)) = bob.hear().await else {
        panic!("the node of the client has stopped");
    };
    assert_eq!(u16::from(close.code), 1001);
    for (_, app) in apps {
        app.stop().await;
    }
}
