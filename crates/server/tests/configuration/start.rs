//! What a node finds out when it starts only: a port that is taken, a folder that cannot be used.

use std::path::Path;

use raftwire_environment::Environment;

use crate::support::{free_ports, run};

#[tokio::test]
async fn a_port_that_is_taken_is_said_before_anything_is_written() {
    let port = free_ports(1).await[0];
    let _taken = Environment::real().bind("127.0.0.1", port).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");

    let port = port.to_string();
    let ended = run(
        &[
            "serve",
            "--node-port",
            &port,
            "--data-dir",
            &data.display().to_string(),
        ],
        &[],
    )
    .await;

    assert_eq!(ended.code, Some(1));
    let said = format!("raftwire: cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("another node_port"),
        "{}",
        ended.stderr
    );
    assert!(!data.exists());
}

#[tokio::test]
async fn a_name_that_cannot_be_kept_names_the_key_that_is_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let write = |path: &Path, text: &str| {
        let environment = Environment::real();
        let mut file = environment.disk().open_append(path).unwrap();
        file.append(text.as_bytes()).unwrap();
    };
    write(&file, "");
    let below_a_file = said_at_start(&file.join("data"), &[]).await;
    assert!(below_a_file.contains("Set data_dir"), "{below_a_file}");
    assert!(!below_a_file.contains("node_id"), "{below_a_file}");

    write(&folder.path().join("node-id"), "two words");
    let no_name = said_at_start(folder.path(), &[]).await;
    assert!(no_name.contains("set node_id"), "{no_name}");
    assert!(!no_name.contains("data_dir"), "{no_name}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named_with_its_key_whether_the_node_has_a_name_or_not()
 {
    for flags in [&[][..], &["--node-id=node1"]] {
        let said = said_at_start(Path::new("/proc/raftwire"), flags).await;

        for words in ["data_dir", "/proc/raftwire", "this node may make"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

/// What `raftwire serve` says before it ends, for want of a data folder.
async fn said_at_start(data: &Path, flags: &[&str]) -> String {
    let port = free_ports(1).await[0].to_string();
    let data = data.display().to_string();
    let serve = ["serve", "--node-port", &port, "--data-dir", &data];
    let ended = run(&[&serve[..], flags].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.stderr
}
