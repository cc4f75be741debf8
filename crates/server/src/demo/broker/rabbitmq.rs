//! A private RabbitMQ broker.

use std::path::Path;

use super::{BrokerPorts, Launch};

/// Folders, a name and a cookie of its own, and all that it has on loopback.
pub(super) fn launch([port, dist_port, epmd_port]: BrokerPorts, folder: &Path) -> Launch {
    let path = |name: &str| folder.join(name).display().to_string();
    let variables = vec![
        // Erlang makes its cookie there.
        ("HOME", folder.display().to_string()),
        // The shell becomes the broker, so that its id is the broker's.
        ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ("RABBITMQ_NODENAME", format!("raftwire{port}@localhost")),
        ("RABBITMQ_DIST_PORT", dist_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_PID_FILE", path("pid")),
        // Else it stands where the demo was started.
        ("ERL_CRASH_DUMP", path("erl_crash.dump")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false".to_owned(),
        ),
    ];
    let configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         disk_free_limit.absolute = 1MB\n"
    );
    Launch {
        name: "RabbitMQ broker",
        // Where Debian has it; the one in PATH switches the user there.
        programs: &["/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"],
        package: "rabbitmq-server",
        example: "amqp://127.0.0.1:5672",
        arguments: Vec::new(),
        variables,
        // By which Erlang's nodes find each other. Started by the broker it would outlive it.
        companion: Some(format!("epmd -address 127.0.0.1 -port {epmd_port}")),
        connection: format!("amqp://127.0.0.1:{port}"),
        files: vec![
            ("rabbitmq.conf", configuration),
            ("enabled_plugins", "[].".to_owned()),
        ],
    }
}
