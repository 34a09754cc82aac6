//! What a plugin logs outside of any call, when the instance that was made first is gone. Alone in its
//! process: one library logs to one place.

use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::TestHost;

struct Silent;

impl Plugin for Silent {
    type Config = bool;

    fn create(good: bool, _: Host) -> Result<Self, PluginError> {
        if good { Ok(Self) } else { Err(PluginError::new("not good")) }
    }

    fn offer(self: &Arc<Self>, _: &mut Offers) {}
}

#[tokio::test]
async fn a_line_outside_of_calls_is_not_given_to_a_host_that_is_gone() {
    assert!(TestHost::create::<Silent>("false").is_err());
    tracing::error!("to the one that was refused");
    let first = TestHost::create::<Silent>("true").unwrap();
    let second = TestHost::create::<Silent>("true").unwrap();
    tracing::error!("to the first");
    assert_eq!((first.log().len(), second.log().len()), (1, 0), "{:?}", first.log());
    let destroyed = first.destroyed();
    drop(first);
    tokio::time::timeout(Duration::from_secs(10), destroyed).await.expect("destroyed");
    tracing::error!("to the second");
    assert_eq!(second.log(), ["ERROR to the second"]);
    let destroyed = second.destroyed();
    drop(second);
    tokio::time::timeout(Duration::from_secs(10), destroyed).await.expect("destroyed");
    tracing::error!("to nobody");
}
