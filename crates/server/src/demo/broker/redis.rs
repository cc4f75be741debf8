//! A private Redis server.

use std::path::Path;

use super::{BrokerPorts, Launch};

/// Nothing is kept on disk.
pub(super) fn launch([port, ..]: BrokerPorts, folder: &Path) -> Launch {
    let (port_text, folder) = (port.to_string(), folder.display().to_string());
    let arguments = [
        "--port",
        &port_text,
        "--bind",
        "127.0.0.1",
        "--dir",
        &folder,
    ];
    let ephemeral = ["--save", "", "--appendonly", "no"];
    let arguments = arguments.iter().chain(&ephemeral);
    Launch {
        name: "Redis server",
        programs: &["redis-server"],
        package: "redis-server",
        example: "redis://127.0.0.1:6379",
        arguments: arguments.map(|argument| (*argument).to_owned()).collect(),
        variables: Vec::new(),
        companion: None,
        connection: format!("redis://127.0.0.1:{port}"),
        files: Vec::new(),
    }
}
