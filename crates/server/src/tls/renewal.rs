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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use raftwire_environment::SimulatedDisk;
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;
    use crate::config::TlsOptions;

    /// Writes a new certificate with its key; the certificate.
    fn write(environment: &Environment) -> Vec<u8> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        replace(environment, "certificate.pem", &cert.pem());
        replace(environment, "key.pem", &signing_key.serialize_pem());
        cert.der().to_vec()
    }

    fn replace(environment: &Environment, name: &str, text: &str) {
        let path = Path::new("/tls").join(name);
        let mut file = environment.disk().open_append(&path).unwrap();
        file.truncate(0).unwrap();
        file.append(text.as_bytes()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn replaced_files_are_shown_and_broken_ones_are_not() {
        let environment = Environment::simulated(1, SimulatedDisk::new(1));
        environment
            .disk()
            .create_dir_all(Path::new("/tls"))
            .unwrap();
        let first = write(&environment);
        let options = TlsOptions {
            certificate: Some("/tls/certificate.pem".into()),
            key: Some("/tls/key.pem".into()),
            ..TlsOptions::default()
        };
        let tls = PortTls::load(&options, &environment).unwrap().unwrap();
        let renewing = keep_current(tls.clone(), environment.clone());
        let renewing = environment.spawn("certificates", renewing);

        let second = write(&environment);
        assert_eq!(tls.certificate_of_clients(), first);
        tokio::time::sleep(INTERVAL * 2).await;
        assert_eq!(tls.certificate_of_clients(), second);

        replace(&environment, "key.pem", "no key");
        tokio::time::sleep(INTERVAL * 2).await;
        assert_eq!(tls.certificate_of_clients(), second);

        let third = write(&environment);
        tokio::time::sleep(INTERVAL * 2).await;
        assert_eq!(tls.certificate_of_clients(), third);
        renewing.abort();
    }
}
