//! Secrets: where they are needed, and that nothing shows them.

use crate::support::run;
use crate::try_load;

#[test]
fn secrets_are_not_taken_from_the_command_line() {
    let error = try_load("", &[], &["--secret=x"]).unwrap_err();
    assert!(error.contains("RAFTWIRE_SECRET"), "{error}");
}

#[test]
fn a_secret_appears_in_no_error_and_no_debug_output() {
    let secret = "hush-hush-hush-hush";
    let variables = [("RAFTWIRE_SECRET", secret), ("RAFTWIRE_HTTP_TOKEN", "sssh")];
    let error = try_load("", &variables, &[]).unwrap_err();
    assert!(!error.contains("sssh"), "{error}");

    let variables = [
        ("RAFTWIRE_SECRET", secret),
        ("RAFTWIRE_SECRET_PREVIOUS", secret),
    ];
    let options = try_load("", &variables, &[]).unwrap();
    assert!(!format!("{options:?}").contains("hush"));
}

#[test]
fn what_needs_a_secret_is_refused_without_one_and_says_where_it_was_set() {
    let error = try_load("\nencrypt = true\n", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("raftwire.toml:2: encrypt is set, and no secret"),
        "{error}"
    );
    let variables = [("RAFTWIRE_SECRET_PREVIOUS", "hush-hush-hush-hush")];
    let error = try_load("", &variables, &[]).unwrap_err();
    assert!(
        error.contains("secret_previous is set, and no secret"),
        "{error}"
    );
    assert!(
        error.contains("RAFTWIRE_SECRET_PREVIOUS") && !error.contains("hush"),
        "{error}"
    );
}

#[tokio::test]
async fn a_node_without_a_secret_does_not_start_within_reach_of_others() {
    for flags in [
        &["--listen-address=0.0.0.0"][..],
        &["--node-address=10.0.0.1", "--listen-address=127.0.0.1"],
        &["--nodes=ws://10.0.0.2:5000/node2"],
    ] {
        let ended = run(&[&["serve", "--ephemeral"], flags].concat(), &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.starts_with("raftwire: no secret is set, and "),
            "{}",
            ended.stderr
        );
    }
}
