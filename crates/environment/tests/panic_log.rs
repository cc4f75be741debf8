//! A process of its own, for one test: tracing caches for the whole process whether a log statement
//! is wanted, by the subscriber of the thread that comes to it first, and so a panic in a test on
//! another thread could switch the statement off for this one.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use raftwire_environment::Environment;

#[tokio::test]
async fn a_panic_that_nobody_awaits_is_logged_with_the_name_of_its_task() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    let (alive, ended) = tokio::sync::oneshot::channel::<()>();

    let doomed = async move {
        let _alive = alive;
        panic!("on purpose");
    };
    // The runtime of this test has this thread alone.
    let _here = tracing::subscriber::set_default(subscriber);
    drop(Environment::real().spawn("doomed", doomed));
    ended.await.unwrap_err();

    let text = log.text();
    assert!(text.contains("ERROR") && text.contains("doomed"), "{text}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
