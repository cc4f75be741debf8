//! Certificates that are replaced while the node runs.

use std::time::Duration;

use raftwire_environment::Environment;
use tracing::{info, warn};

use super::PortTls;

/// How often the files are read again: certificates are replaced days before they end, and the
/// files are small.
const INTERVAL: Duration = Duration::from_secs(30);

/// Reads the files again and again, for as long as the node runs.
pub(crate) async fn keep_current(tls: PortTls, environment: Environment) {
    // What was said last, so that a file that stays broken is said once.
    let mut said = String::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let its_tls = tls.clone();
        let reading = environment.executor("certificates");
        let reading = reading.spawn("certificates", async move { its_tls.reload() });
        let Ok(read) = reading.await else { continue };
        match read {
            Ok(changed) => {
                said.clear();
                if changed {
                    info!("certificates have changed: new connections are shown the new ones");
                }
            }
            Err(error) => {
                let error = error.to_string();
                if said != error {
                    warn!(
                        %error,
                        "certificates cannot be read again: what was read before stays in use"
                    );
                    said = error;
                }
            }
        }
    }
}
