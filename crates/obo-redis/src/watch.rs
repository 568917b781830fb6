//! Announcements, on a connection of their own.

use std::time::Duration;

use bytes::Bytes;
use obo::fleet::{Announce, StoreError, StoreKey};
use redis::{PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::source::Source;

/// How often a command shows that the other end is alive.
const EVERY: Duration = Duration::from_secs(3);
/// How long it, and a subscription, may take.
const RESPONSE: Duration = Duration::from_secs(1);
/// The announcements that wait. Others are lost, and are read in the log.
const QUEUE: usize = 1024;

/// Calls `announce` until the connection ends.
pub(crate) async fn watch(source: &Source, announce: Announce<'_>) -> Result<(), StoreError> {
    let (sender, mut pushes) = mpsc::channel(QUEUE);
    let pushed = move |push| {
        // See QUEUE.
        let _ = sender.try_send(push);
    };
    let mut connection = source.connect(pushed).await?;
    let (channel, log) = (StoreKey::announcements(), StoreKey::log());
    let subscribe = connection.subscribe(channel.as_str());
    source.within(RESPONSE, subscribe).await?;
    let mut check = Instant::now() + EVERY;
    loop {
        match timeout_at(check, pushes.recv()).await {
            Ok(Some(push)) => match push.kind {
                PushKind::Message | PushKind::SMessage => {
                    if let Some(record) = record(push) {
                        announce(record);
                    }
                }
                PushKind::Disconnection | PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                    return Ok(());
                }
                _ => {}
            },
            Ok(None) => return Ok(()),
            Err(_) => {
                let is_alive = is_alive(&mut connection, log.as_str());
                source.within(RESPONSE, is_alive).await?;
                check = Instant::now() + EVERY;
            }
        }
    }
}

/// The log is on the node of the channel, so its name asks that node.
async fn is_alive(connection: &mut Connection, log: &str) -> RedisResult<()> {
    let mut command = cmd("EXISTS");
    command.arg(log);
    connection.query::<Value>(&command).await.map(drop)
}

/// The second part of a message, behind the channel.
fn record(push: PushInfo) -> Option<Bytes> {
    match push.data.into_iter().nth(1)? {
        Value::BulkString(record) => Some(record.into()),
        _ => None,
    }
}
