//! `raftwire config`

use std::sync::Arc;

use raftwire::Lane;
use raftwire_environment::Environment;

use super::arguments::{ConfigCommand, ConfigSources};
use super::{Failure, Output, Style, USAGE};
use crate::config::{self, Report, ServerOptions, Sources};

/// The column at which the origins begin, unless a value reaches further.
const ORIGINS_AT: usize = 40;

pub(super) async fn run(command: ConfigCommand, environment: Environment) -> Result<(), Failure> {
    let output = Output::stdout();
    let (sources, is_check) = match command {
        ConfigCommand::Default => {
            output.line(config::template().trim_end());
            return Ok(());
        }
        ConfigCommand::Check(sources) => (*sources, true),
        ConfigCommand::Show(sources) => (*sources, false),
    };
    let report = report(sources, &environment).await?;
    for error in &report.errors {
        Output::stderr().line(&format!("raftwire: {error}"));
    }
    if !report.errors.is_empty() {
        return Err(Failure::silent(USAGE));
    }
    for warning in report.options.warnings() {
        let warning = format!("raftwire: warning: {warning}");
        Output::stderr().line(&warning);
    }
    if is_check {
        output.line(&output.paint(Style::Good, "the configuration is good; it would run"));
        for line in in_words(&report.options) {
            output.line(&line);
        }
        return Ok(());
    }
    for (value, origin) in &report.values {
        let origin = output.paint(Style::Dim, &format!("# {origin}"));
        output.line(&format!("{value:<ORIGINS_AT$}  {origin}"));
    }
    Ok(())
}

async fn report(sources: ConfigSources, environment: &Environment) -> Result<Report, Failure> {
    let sources = Sources {
        file: sources.config,
        variables: super::serve::variables(),
        flags: sources.flags,
    };
    let disk = Arc::clone(environment.disk());
    let executor = environment.executor("configuration");
    let reading = executor.spawn("configuration", async move {
        config::report(&sources, disk.as_ref())
    });
    reading.await.map_err(Failure::new)
}

/// What a node would be and do.
fn in_words(options: &ServerOptions) -> Vec<String> {
    let cluster = &options.cluster;
    let node = match &cluster.node_id {
        Some(node) => node.to_string(),
        None => "a node with a name that is generated once".to_owned(),
    };
    let peers = match cluster.nodes.len() {
        0 => "alone".to_owned(),
        1 => "founding with 1 address listed".to_owned(),
        count => format!("founding with {count} addresses listed"),
    };
    let kept = match (&cluster.data_dir, cluster.ephemeral) {
        (_, true) => "nothing is kept on disk".to_owned(),
        (Some(folder), false) => format!("data in {}", folder.display()),
        (None, false) => "data in ./raftwire-data/<node id>".to_owned(),
    };
    let secret = match cluster.secret {
        Some(_) => "nodes prove the secret to each other",
        None => "no secret: every address is loopback",
    };
    let api = match (&options.http.token, options.listens_on_loopback()) {
        (Some(_), _) => "the HTTP API and /metrics want the token",
        (None, true) => "the HTTP API and /metrics are open to programs on this machine",
        (None, false) => "the HTTP API and /metrics are closed: no http.token is set",
    };
    let tls = match (&options.tls.certificate, &options.tls.node_authorities) {
        (None, _) => "no TLS",
        (Some(_), None) => "TLS for clients",
        (Some(_), Some(_)) => "TLS for clients and between nodes",
    };
    let [control, data] = Lane::ALL.map(|lane| cluster.transport_of(lane));
    let carried = match options.is_split() {
        false => format!("{control} carries the traffic between nodes"),
        true => format!("between nodes {control} carries the control lane, {data} the data lane"),
    };
    let timings = &cluster.timings;
    let sends = if options.client.allow_send {
        "may send"
    } else {
        "may not send"
    };
    vec![
        format!("  {node} of the cluster {}, {peers}", cluster.cluster_name),
        format!(
            "  on {}:{}, told to others as {}:{}",
            options.listen_host(),
            cluster.node_port,
            cluster.node_address,
            cluster.node_port
        ),
        format!("  {kept}"),
        format!("  {carried}"),
        format!(
            "  as suits {control}: heartbeat {:?}, election {:?} to {:?}, lease {:?}",
            timings.heartbeat, timings.election_min, timings.election_max, timings.lease
        ),
        format!("  {secret}"),
        format!("  {tls}"),
        format!("  {api}"),
        format!(
            "  up to {} clients at {}, which {sends}",
            options.client.connections_max, options.client.path
        ),
    ]
}
