//! `raftwire config default`, the file to begin with.

use raftwire_environment::Environment;
use raftwire_server::config::{Origin, ServerOptions, Sources, keys, report, template};

use crate::support::run;
use crate::try_load;

#[test]
fn the_default_file_sets_every_key_to_its_default() {
    let text = template();
    let options = try_load(&text, &[], &[]).unwrap();
    assert_eq!(
        format!("{options:?}"),
        format!("{:?}", ServerOptions::default())
    );

    // What has no default stands there as a comment, and is right once it is one no longer.
    let is_example = |line: &str| {
        let name = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "));
        name.is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let uncommented: String = text
        .lines()
        .map(|line| if is_example(line) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let environment = Environment::real();
    let mut config = environment.disk().open_append(&path).unwrap();
    config.append(uncommented.as_bytes()).unwrap();
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let report = report(&sources, environment.disk().as_ref());
    // The files of the example are nobody's, and its folder may be root's.
    let missing = [
        "data_dir = \"/var/lib/raftwire\" cannot be a folder of this node's: it cannot be made in",
        "TLS: cannot read node1.pem",
        "redis_tls_authorities: cannot read /etc/raftwire/redis-ca.pem",
    ];
    let errors = report.errors.iter();
    let errors: Vec<_> = errors
        .filter(|error| !missing.iter().any(|missing| error.starts_with(missing)))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    for key in keys() {
        let mut set = report.values.iter();
        let is_this = |(line, origin): &&(String, Origin)| {
            line.starts_with(&format!("{} = ", key.name)) && matches!(origin, Origin::File { .. })
        };
        assert!(
            set.any(|value| is_this(&value)),
            "{} is not in the file",
            key.name
        );
    }
}

#[tokio::test]
async fn config_default_prints_the_default_file() {
    let ended = run(&["config", "default"], &[]).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout.trim_end(), template().trim_end());
}
