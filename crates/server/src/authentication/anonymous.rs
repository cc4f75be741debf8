use async_trait::async_trait;

use super::{Authenticator, Denied, Identity, OpeningRequest};

/// Lets everybody in, as nobody: connections have neither user nor name. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

#[async_trait]
impl Authenticator for Anonymous {
    async fn authenticate(&self, _: &OpeningRequest) -> Result<Identity, Denied> {
        Ok(Identity::default())
    }
}
