//! What `raftwire config check` finds out about files and folders, and what it warns of.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::path::Path;

use raftwire_environment::Environment;
use support::{Authority, Ended, run};

async fn check(flags: &[(&str, &Path)]) -> Ended {
    let flags = flags.iter();
    let flags: Vec<_> = flags
        .map(|(flag, path)| format!("--{flag}={}", path.display()))
        .collect();
    let mut arguments = vec!["config", "check"];
    arguments.extend(flags.iter().map(String::as_str));
    run(&arguments, &[]).await
}

fn assert_refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_one_is_refused_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let environment = Environment::real();
    drop(environment.disk().open_append(&file).unwrap());

    for path in [file.clone(), file.join("below")] {
        let ended = check(&[("data-dir", &path)]).await;
        assert_refused(
            &ended,
            &["data_dir", &path.display().to_string(), "is a file"],
        );
    }

    // Root may write to any folder, but not there.
    for path in ["/proc/raftwire/node1", "/proc", "/sys/raftwire"] {
        let ended = check(&[("data-dir", Path::new(path))]).await;
        assert_refused(&ended, &["data_dir", path, "Name a folder"]);
    }

    let fresh = folder.path().join("a").join("b");
    let ended = check(&[("data-dir", &fresh)]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(!folder.path().join("a").exists(), "a check makes nothing");
}

#[tokio::test]
async fn a_certificate_of_another_node_is_refused_with_both_names() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("node2", "raftwire://raftwire/node2");
    let authorities = authority.file();
    let files = [
        ("tls-certificate", certificate.as_path()),
        ("tls-key", &key),
        ("tls-node-authorities", &authorities),
    ];
    let as_node = |node: &'static str| {
        let mut flags = files.to_vec();
        flags.push(("node-id", Path::new(node)));
        flags
    };

    let names = ["raftwire://raftwire/node1", "raftwire://raftwire/node2"];
    assert_refused(&check(&as_node("node1")).await, &names);

    let ended = check(&as_node("node2")).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn authorities_of_a_broker_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");

    for transport in ["redis", "rabbitmq"] {
        let authorities = format!("{transport}-tls-authorities");
        let string = format!("RAFTWIRE_{}_CONNECTION_STRING", transport.to_uppercase());
        let arguments = [
            "config".to_owned(),
            "check".to_owned(),
            format!("--transport-type={transport}"),
            format!("--{authorities}={}", missing.display()),
        ];
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let variables = [
            (string.as_str(), "127.0.0.1"),
            ("RAFTWIRE_SECRET", "what only nodes know"),
        ];

        let ended = run(&arguments, &variables).await;

        let key = authorities.replace('-', "_");
        assert_refused(&ended, &[&key, &missing.display().to_string()]);
    }
}

#[tokio::test]
async fn what_has_no_effect_is_warned_of_and_would_run() {
    let variables = [("RAFTWIRE_REDIS_CONNECTION_STRING", "127.0.0.1")];
    let arguments = ["config", "check", "--outbox-bytes-max=1 KiB"];

    let ended = run(&arguments, &variables).await;

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in [
        "raftwire: warning: redis_connection_string is set and has no effect",
        "raftwire: warning: message_bytes_max (1048576) is over outbox_bytes_max (1024)",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}
