//! Slips: what nobody knows and what does not fit is refused with its place.

use crate::support::run;
use crate::try_load;

#[test]
fn unknown_keys_are_refused_by_name_with_the_nearest_known_one() {
    for (file, variables, message) in [
        (
            "\nnode_prot = 1\n",
            &[][..],
            "raftwire.toml:2: unknown key \"node_prot\"; did you mean \"node_port\"?",
        ),
        (
            "[client]\n# to be or not\nalow_send = true\n",
            &[],
            "raftwire.toml:3: unknown key \"client.alow_send\"; did you mean \"client.allow_send\"?",
        ),
        (
            "[cleint]\n",
            &[],
            "raftwire.toml:1: unknown table \"cleint\"; did you mean \"client\"?",
        ),
        (
            "",
            &[("RAFTWIRE_NODE_PROT", "1")],
            "environment: unknown variable \"RAFTWIRE_NODE_PROT\"; did you mean \
             \"RAFTWIRE_NODE_PORT\"?",
        ),
        (
            "zzz = 1\n",
            &[],
            "raftwire.toml:1: unknown key \"zzz\"; `raftwire serve --help` lists what can be set",
        ),
    ] {
        assert_eq!(try_load(file, variables, &[]).unwrap_err(), message);
    }
    let flag = try_load("", &[], &["--node-prot=1"]).unwrap_err();
    assert!(
        flag.contains("'--node-prot'") && flag.contains("'--node-port'"),
        "{flag}"
    );
}

#[test]
fn wrong_values_are_refused_with_the_place_and_what_is_allowed() {
    for (file, variables, flags, message) in [
        (
            "\n\nnode_port = 70000\n",
            &[][..],
            &[][..],
            "raftwire.toml:3: node_port = 70000: must be a port, 1 to 65535",
        ),
        (
            "node_port = \"5000\"\n",
            &[],
            &[],
            "raftwire.toml:1: node_port = \"5000\": must be a port, 1 to 65535",
        ),
        (
            "",
            &[("RAFTWIRE_CLIENT_PING_INTERVAL", "5")],
            &[],
            "environment variable RAFTWIRE_CLIENT_PING_INTERVAL: client.ping_interval = \"5\": \
             must be a duration from 1s to 10m",
        ),
        (
            "",
            &[],
            &["--outbox-bytes-max=1 MB"],
            "flag --outbox-bytes-max: outbox_bytes_max = \"1 MB\": must be a size from 1 B to 1 GiB",
        ),
        (
            "nodes = [\"ws://127.0.0.1:1/a\", \"ws://127.0.0.1:2/a\"]\n",
            &[],
            &[],
            "raftwire.toml:1: nodes: a is listed as ws://127.0.0.1:1/a and as ws://127.0.0.1:2/a; \
             keep one",
        ),
        (
            "[http]\ntoken = \"short\"\n",
            &[],
            &[],
            "raftwire.toml:2: http.token = …: must be at least 16 printable characters without \
             blanks",
        ),
    ] {
        assert_eq!(try_load(file, variables, flags).unwrap_err(), message);
    }
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let error = try_load("node_port = 1\nnode_id =\n", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("raftwire.toml:2: not valid TOML: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_2_and_one_line() {
    let ended = run(&["serve"], &[("RAFTWIRE_NODE_PORT", "0")]).await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}
