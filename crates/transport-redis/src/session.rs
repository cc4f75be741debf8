use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_transport::CreateError;
use raftwire_transport::broker::{
    BrokerClient, BrokerSession, Lane, Listener, MessageSource, client_tls,
};
use rustls::ClientConfig;

use crate::RedisOptions;
use crate::broker::{Broker, Commands, Login, Replies, open_broker};
use crate::channel_names::ChannelNames;
use crate::publisher::{Lost, Publisher};
use crate::resp::Value;

/// Connects lanes to Redis.
#[derive(Debug)]
pub(crate) struct RedisClient {
    options: RedisOptions,
    cluster: String,
    tls: Option<Arc<ClientConfig>>,
}

impl RedisClient {
    /// Reads the file of authorities, if one is given.
    pub(crate) fn new(
        options: RedisOptions,
        cluster: String,
        environment: &Environment,
    ) -> Result<Self, CreateError> {
        let authorities = options.tls_authorities.as_deref();
        let tls = match options.connection.tls() {
            true => Some(client_tls(authorities, environment)?),
            false => None,
        };
        Ok(Self {
            options,
            cluster,
            tls,
        })
    }
}

#[async_trait]
impl BrokerClient for RedisClient {
    fn service(&self) -> &'static str {
        "Redis"
    }

    fn address(&self) -> String {
        self.options.connection.to_string()
    }

    async fn connect(&self, lane: &Arc<Lane>) -> Result<Box<dyn BrokerSession>, String> {
        let prefix = self.options.connection.channel_prefix();
        let names = ChannelNames::new(prefix, &self.cluster, lane.name());
        let name = format!("raftwire-{}-{}", lane.node(), lane.name());
        let login = Login::new(&self.options, lane.environment(), self.tls.clone(), name);
        let channels = [names.node(lane.node()), names.all()];
        let opened = open_broker(&login, &channels).await;
        let broker = opened.map_err(|problem| problem.to_string())?;
        let Broker {
            server,
            heard,
            _subscriber,
            commands,
            answers,
            publish,
        } = broker;
        let lane = Arc::clone(lane);
        Ok(Box::new(Session {
            server: server.to_string(),
            publisher: Publisher::new(lane, names, commands, publish, &self.options.channels),
            answers,
            subscription: Subscription { heard, _subscriber },
        }))
    }
}

struct Session {
    server: String,
    publisher: Publisher,
    answers: Replies,
    subscription: Subscription,
}

#[async_trait]
impl BrokerSession for Session {
    fn server(&self) -> String {
        self.server.clone()
    }

    async fn run(&mut self, listener: &Listener<'_>) -> String {
        // Not biased: each half can use up the task's whole turn, and must not do so every time.
        tokio::select! {
            reason = listener.listen(&mut self.subscription) => reason,
            lost = self.publisher.run(&mut self.answers) => lost.to_string(),
        }
    }

    async fn finish(mut self: Box<Self>) {
        // Nobody is there to be told.
        let _ = self.publisher.finish(&mut self.answers).await;
    }
}

/// What the node is subscribed to.
struct Subscription {
    heard: Replies,
    /// Kept open: the server ends a subscription with its connection.
    _subscriber: Commands,
}

impl MessageSource for Subscription {
    async fn next(&mut self) -> Result<Bytes, String> {
        let value = self
            .heard
            .next()
            .await
            .map_err(|problem| problem.to_string())?;
        message(value).map_err(|lost| lost.to_string())
    }
}

fn message(value: Value) -> Result<Bytes, Lost> {
    let Value::Array(mut parts) = value else {
        return Err(match value {
            Value::Error(text) => Lost::Unsubscribed(text),
            _ => Lost::Unexpected,
        });
    };
    let kind = parts.first().and_then(Value::text).unwrap_or_default();
    match (kind, parts.len()) {
        ("message" | "smessage", 3) => {}
        ("unsubscribe" | "sunsubscribe", _) => {
            let reason = "its channels are another server's now";
            return Err(Lost::Unsubscribed(reason.to_owned()));
        }
        _ => return Err(Lost::Unexpected),
    }
    match parts.pop() {
        Some(Value::Bulk(payload)) => Ok(payload),
        _ => Err(Lost::Unexpected),
    }
}
