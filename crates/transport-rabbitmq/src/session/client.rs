use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use raftwire_environment::Environment;
use raftwire_protocol::Lane as LaneName;
use raftwire_transport::CreateError;
use raftwire_transport::broker::{BrokerClient, BrokerSession, HostPort, Lane, client_tls};
use rustls::ClientConfig;

use super::Session;
use super::consumer;
use super::publisher::Publisher;
use crate::RabbitMQOptions;
use crate::amqp::Queue;
use crate::connection::{self, Access, Connection, Problem};
use crate::names::{Names, key_of_all, key_of_node};

/// Connects lanes to RabbitMQ.
#[derive(Debug)]
pub(crate) struct RabbitMQClient {
    options: RabbitMQOptions,
    names: Names,
    tls: Option<Arc<ClientConfig>>,
    /// Numbers the queues: a connection that the broker still holds for alive keeps its own.
    queues: AtomicU64,
}

impl RabbitMQClient {
    /// Reads the file of authorities, if one is given.
    pub(crate) fn new(
        options: RabbitMQOptions,
        cluster: &str,
        environment: &Environment,
    ) -> Result<Self, CreateError> {
        options.validate()?;
        let authorities = options.tls_authorities.as_deref();
        let tls = match options.connection.tls() {
            true => Some(client_tls(authorities, environment)?),
            false => None,
        };
        Ok(Self {
            names: Names::new(cluster)?,
            options,
            tls,
            queues: AtomicU64::new(1),
        })
    }

    async fn open(
        &self,
        access: &Access<'_>,
        server: &HostPort,
        lane: &Arc<Lane>,
    ) -> Result<Box<dyn BrokerSession>, Problem> {
        let listed_as = |purpose| format!("raftwire-{}-{}-{purpose}", lane.node(), lane.name());
        let mut hearing = connection::open(access, server, &listed_as("hear")).await?;
        self.subscribe(&mut hearing, lane).await?;
        let mut publishing = connection::open(access, server, &listed_as("publish")).await?;
        publishing.ask(|writer| writer.select_confirms()).await?;
        let heartbeat = self.options.connection.heartbeat();
        let exchange = self.names.exchange().to_owned();
        let channels = &self.options.channels;
        let publisher = Publisher::new(Arc::clone(lane), publishing, exchange, channels, heartbeat);
        let prefetch = self.options.prefetch;
        let (deliveries, acknowledger) =
            consumer::consume(Arc::clone(lane), hearing, prefetch, heartbeat);
        Ok(Box::new(Session {
            server: server.to_string(),
            publisher,
            deliveries,
            acknowledger,
        }))
    }

    /// Makes the queue of this connection, and begins to hear.
    async fn subscribe(&self, connection: &mut Connection, lane: &Lane) -> Result<(), Problem> {
        let number = self.queues.fetch_add(1, Ordering::Relaxed);
        let name = lane.name();
        let queue = self.names.queue(name, lane.node(), lane.session(), number);
        let exchange = self.names.exchange();
        let bytes_max = self.options.backlog_bytes_max(name);
        let ttl = self.options.control_ttl.as_millis();
        let declared = Queue {
            name: &queue,
            messages_max: i64::from(self.options.backlog_messages_max),
            bytes_max: i64::try_from(bytes_max).unwrap_or(i64::MAX),
            ttl_milliseconds: match name {
                LaneName::Control => Some(i64::try_from(ttl).unwrap_or(i64::MAX)),
                LaneName::Data => None,
            },
        };
        connection
            .ask(|writer| writer.declare_exchange(exchange))
            .await?;
        connection
            .ask(|writer| writer.declare_queue(&declared))
            .await?;
        for key in [key_of_node(name, lane.node()), key_of_all(name)] {
            connection
                .ask(|writer| writer.bind_queue(&queue, exchange, &key))
                .await?;
        }
        let prefetch = self.options.prefetch;
        connection.ask(|writer| writer.prefetch(prefetch)).await?;
        connection.ask(|writer| writer.consume(&queue)).await
    }
}

#[async_trait]
impl BrokerClient for RabbitMQClient {
    fn service(&self) -> &'static str {
        "RabbitMQ"
    }

    fn address(&self) -> String {
        self.options.connection.to_string()
    }

    async fn connect(&self, lane: &Arc<Lane>) -> Result<Box<dyn BrokerSession>, String> {
        let access = Access {
            environment: lane.environment(),
            string: &self.options.connection,
            tls: self.tls.as_ref(),
        };
        let mut last = None;
        for server in self.options.connection.servers() {
            let opening = self.open(&access, server, lane);
            match access.patiently(server, opening).await {
                Ok(session) => return Ok(session),
                Err(problem) => last = Some(problem.to_string()),
            }
        }
        Err(last.unwrap_or_default())
    }
}
