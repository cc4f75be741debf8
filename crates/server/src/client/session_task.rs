//! The future of one client's connection, for its task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Session;

pin_project! {
    /// A session until it has ended, and its last words.
    ///
    /// A type and no `async fn`, which would hold the session twice: once as it came, once as it is used.
    pub(crate) struct SessionTask<IO> {
        session: Option<Session<IO>>,
        #[pin]
        timer: Sleep,
        // In a box: a connection is open for longer than it closes.
        last_words: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    }
}

impl<IO> SessionTask<IO> {
    pub(super) fn new(session: Session<IO>, first_ping: Instant) -> SessionTask<IO> {
        SessionTask {
            session: Some(session),
            timer: sleep_until(first_ping),
            last_words: None,
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Send + Unpin + 'static> Future for SessionTask<IO> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(session) = this.session {
            let end = ready!(session.poll_serve(this.timer, context));
            let last_words = this.session.take().and_then(|session| session.end(end));
            *this.last_words = match last_words {
                Some(last_words) => Some(Box::pin(last_words)),
                None => return Poll::Ready(()),
            };
        }
        match this.last_words {
            Some(last_words) => last_words.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }
}
