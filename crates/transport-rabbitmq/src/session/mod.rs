//! One lane's two connections: one that hears, and one that publishes.
//!
//! They are two because a broker that is short of memory stops reading from whoever publishes; what
//! is acknowledged has to reach it all the same.

mod client;
mod consumer;
mod publisher;

use async_trait::async_trait;
use raftwire_transport::broker::{BrokerSession, Listener};

pub(crate) use client::RabbitMQClient;
use consumer::{Acknowledger, Deliveries};
use publisher::Publisher;

struct Session {
    server: String,
    publisher: Publisher,
    deliveries: Deliveries,
    acknowledger: Acknowledger,
}

#[async_trait]
impl BrokerSession for Session {
    fn server(&self) -> String {
        self.server.clone()
    }

    async fn run(&mut self, listener: &Listener<'_>) -> String {
        // Not biased: each part can use up the task's whole turn, and must not do so every time.
        let problem = tokio::select! {
            reason = listener.listen(&mut self.deliveries) => return reason,
            problem = self.publisher.run() => problem,
            problem = self.acknowledger.run() => problem,
        };
        problem.to_string()
    }

    async fn finish(self: Box<Self>) {
        // Nobody is there to be told how it went.
        let _ = self.publisher.finish().await;
        let _ = consumer::close(self.deliveries, self.acknowledger).await;
    }
}
