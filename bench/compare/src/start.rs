//! Starts each system, privately, on free ports of 127.0.0.1.

use std::path::Path;
use std::process::Command;

use raftwire_bench::Protocol;
use tempfile::TempDir;

use crate::case::Work;
use crate::peers;
use crate::process::{Process, StartError, free_port};
use crate::system::System;

/// What nodes of a measurement know.
const SECRET: &str = "what the nodes of a measurement know";

/// A system that runs, until this value ends.
#[derive(Debug)]
pub(crate) struct Running {
    /// Those whose time is counted.
    pub(crate) servers: Vec<Process>,
    pub(crate) target: Target,
    /// Their logs and settings.
    _folder: TempDir,
}

/// Where a system is asked.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// One server: where it returns messages.
    Single(String),
    /// Several: the senders', and then the receivers'.
    Nodes(Protocol, Vec<String>),
}

/// Starts what does this work.
pub(crate) fn start(system: System, work: Work) -> Result<Running, StartError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    let (servers, target) = match (system, work) {
        (System::Raftwire, Work::Fanout(fanout)) => raftwires(path, fanout.nodes)?,
        (System::Raftwire, Work::Route(_) | Work::Latency(_)) => raftwires(path, 2)?,
        (System::Raftwire, _) => raftwire(path)?,
        (System::Nats, _) => nats(path)?,
        (System::SocketIo, _) => socket_io(path, || {
            let mut command = Command::new("node");
            command.arg(peers::script("socket_io.js"));
            command
        })?,
        (System::Socketioxide, _) => socket_io(path, || Command::new(peers::socketioxide()))?,
        (System::Ws, _) => echo(path, "ws_echo.js")?,
        (System::UWebSockets, _) => echo(path, "uws_echo.js")?,
        (System::Limit, Work::Route(_) | Work::Latency(_)) => relay(path)?,
        (System::Limit, Work::Fanout(_)) => limit(path, "limit-write-loop")?,
        (System::Limit, Work::Storm) => limit(path, "limit-accept")?,
        (System::Limit, _) => limit(path, "limit-echo")?,
    };
    Ok(Running {
        servers,
        target,
        _folder: folder,
    })
}

type Started = Result<(Vec<Process>, Target), StartError>;

fn raftwire_node(folder: &Path, name: &str, port: u16) -> Command {
    let mut command = Command::new(peers::built("raftwire"));
    command
        .current_dir(folder)
        .args(["serve", "--ephemeral", "--node-id", name])
        .args(["--node-port", &port.to_string()])
        .args([
            "--client-echo",
            "--client-allow-send",
            "--client-allow-join",
        ])
        .env("RAFTWIRE_SECRET", SECRET);
    command
}

fn raftwire(folder: &Path) -> Started {
    let port = free_port();
    let mut command = raftwire_node(folder, "node1", port);
    let mut node = Process::start("node1", folder, &mut command)?;
    node.answers(port, "/readyz")?;
    Ok((
        vec![node],
        Target::Single(format!("ws://127.0.0.1:{port}/echo")),
    ))
}

fn raftwires(folder: &Path, count: usize) -> Started {
    let ports: Vec<_> = (0..count).map(|_| free_port()).collect();
    let listed = (1..).zip(&ports);
    let listed = listed.map(|(number, port)| format!("ws://127.0.0.1:{port}/node{number}"));
    let listed: Vec<_> = listed.collect();
    let mut servers = Vec::new();
    for (number, port) in (1..).zip(&ports) {
        let name = format!("node{number}");
        let mut command = raftwire_node(folder, &name, *port);
        command.args(["--nodes", &listed.join(",")]);
        servers.push(Process::start(&name, folder, &mut command)?);
    }
    for (server, port) in servers.iter_mut().zip(&ports) {
        server.answers(*port, "/readyz")?;
    }
    let urls = ports.iter().map(|port| format!("ws://127.0.0.1:{port}/ws"));
    Ok((servers, Target::Nodes(Protocol::Raftwire, urls.collect())))
}

fn nats(folder: &Path) -> Started {
    // Each server's own port, the one for WebSocket, and the one for the other server.
    let ports = [
        [free_port(), free_port(), free_port()],
        [free_port(), free_port(), free_port()],
    ];
    let routes = ports.map(|[_, _, cluster]| format!("\"nats://127.0.0.1:{cluster}\""));
    let routes = routes.join(", ");
    let mut servers = Vec::new();
    for (number, [port, ws, cluster]) in (1..).zip(ports) {
        let name = format!("nats{number}");
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\nserver_name: \"{name}\"\n\
             websocket {{ host: \"127.0.0.1\", port: {ws}, no_tls: true }}\n\
             cluster {{ name: \"bench\", listen: \"127.0.0.1:{cluster}\", routes: [{routes}] }}\n"
        );
        let path = folder.join(format!("{name}.conf"));
        std::fs::write(&path, settings)?;
        let mut command = Command::new(peers::nats_server());
        command.arg("-c").arg(&path);
        servers.push(Process::start(&name, folder, &mut command)?);
    }
    for (server, [_, ws, _]) in servers.iter_mut().zip(ports) {
        server.listens(ws)?;
    }
    let urls = ports.map(|[_, ws, _]| format!("ws://127.0.0.1:{ws}/"));
    Ok((servers, Target::Nodes(Protocol::Nats, urls.to_vec())))
}

fn socket_io(folder: &Path, command: impl Fn() -> Command) -> Started {
    let redis_port = free_port();
    let mut command_of_redis = Command::new("redis-server");
    command_of_redis
        .args(["--bind", "127.0.0.1", "--port", &redis_port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder);
    let mut redis = Process::start("redis", folder, &mut command_of_redis)?;
    redis.listens(redis_port)?;
    let ports = [free_port(), free_port()];
    let mut servers = Vec::new();
    for (number, port) in (1..).zip(ports) {
        let mut command = command();
        command
            .env("PORT", port.to_string())
            .env("REDIS_PORT", redis_port.to_string());
        servers.push(node_process(
            &format!("node{number}"),
            folder,
            &mut command,
        )?);
    }
    for (server, port) in servers.iter_mut().zip(ports) {
        server.listens(port)?;
    }
    servers.push(redis);
    let urls =
        ports.map(|port| format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"));
    Ok((servers, Target::Nodes(Protocol::SocketIo, urls.to_vec())))
}

/// Scripts of Node.js find their packages there.
fn node_process(name: &str, folder: &Path, command: &mut Command) -> Result<Process, StartError> {
    command
        .env("NODE_PATH", peers::node_modules())
        .env("NODE_ENV", "production");
    Process::start(name, folder, command)
}

fn echo(folder: &Path, script: &str) -> Started {
    let port = free_port();
    let mut command = Command::new("node");
    command
        .arg(peers::script(script))
        .env("PORT", port.to_string());
    let mut server = node_process("server", folder, &mut command)?;
    server.listens(port)?;
    Ok((
        vec![server],
        Target::Single(format!("ws://127.0.0.1:{port}/")),
    ))
}

fn limit(folder: &Path, program: &str) -> Started {
    let mut command = Command::new(peers::built(program));
    let (process, port) = Process::start_limit("server", folder, &mut command)?;
    Ok((
        vec![process],
        Target::Single(format!("tcp://127.0.0.1:{port}")),
    ))
}

fn relay(folder: &Path) -> Started {
    let mut command = Command::new(peers::built("limit-relay"));
    let (receivers, at) = Process::start_limit("relay2", folder, &mut command)?;
    let mut command = Command::new(peers::built("limit-relay"));
    command.arg(format!("127.0.0.1:{at}"));
    let (senders, from) = Process::start_limit("relay1", folder, &mut command)?;
    let urls = [from, at].map(|port| format!("tcp://127.0.0.1:{port}"));
    Ok((
        vec![senders, receivers],
        Target::Nodes(Protocol::Raftwire, urls.to_vec()),
    ))
}
