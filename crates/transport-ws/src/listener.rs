use std::net::SocketAddr;
use std::time::Duration;

use raftwire_environment::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use crate::accept::{self, Refused};
use crate::channel_task::run;
use crate::context::Context;

/// How long the accept loop rests after an error: one that lasts, such as too many open files,
/// comes back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections in until the transport stops.
pub(crate) async fn listen(context: Context, listener: TcpListener) {
    // What was logged last, so that what lasts is logged once.
    let (mut failing, mut crowded) = (false, false);
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.ends() => return,
            accepted = listener.accept() => accepted,
        };
        let (io, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "cannot take connections in; going on to try");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        failing = false;
        let Some(place) = context.place() else {
            if !crowded {
                let max = context.options().unadopted_inbound_max;
                tracing::warn!(%from, max, "too many connections wait for their hello; dropping");
            }
            crowded = true;
            continue;
        };
        crowded = false;
        context.spawn("cluster channel", inbound(context.clone(), io, from, place));
    }
}

async fn inbound(context: Context, io: TcpStream, from: SocketAddr, place: OwnedSemaphorePermit) {
    let accepted = tokio::select! {
        biased;
        () = context.ends() => return,
        accepted = accept::from_stranger(&context, io, place) => accepted,
    };
    match accepted {
        Ok(channel) => {
            run(&context, channel).await;
        }
        Err(reason) if is_news(&context, &reason) => {
            tracing::warn!(
                %from, %reason,
                "refused a connection to the cluster channel; each reason is said once a minute"
            );
        }
        Err(reason) => {
            tracing::debug!(%from, %reason, "refused a connection to the cluster channel");
        }
    }
}

/// Whether a person should hear of it.
fn is_news(context: &Context, refused: &Refused) -> bool {
    let now = context.environment().now();
    let refusals = &context.shared.refusals;
    refused.is_of_a_certificate() && refusals.is_news(&refused.to_string(), now)
}
