//! The script that appends a record, in one step.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, cmd};

use crate::connection::Connection;

/// The record is the first write, because a full server checks the first one only. The names of an
/// event are taken after the record is written, so that a failure takes none. A lost announcement
/// is no failure: the log is read too.
const TEXT: &str = "
local log, record, retention = KEYS[1], ARGV[1], tonumber(ARGV[2])
for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
end
local kind = redis.call('TYPE', log).ok
if kind ~= 'stream' and kind ~= 'none' then redis.call('DEL', log) end
local oldest = math.max(0, redis.call('TIME')[1] * 1000 - retention)
redis.call('XADD', log, 'MINID', '~', string.format('%.0f', oldest), '*', 'r', record)
if redis.call('PTTL', log) < retention then redis.call('PEXPIRE', log, ARGV[2]) end
for i = 2, #KEYS do redis.call('SET', KEYS[i], '', 'PX', ARGV[2]) end
redis.pcall(ARGV[3], ARGV[4], record)
return 1
";

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// The first key is the log, the others are the names of the event.
pub(crate) async fn append(
    mut connection: Connection,
    keys: &[&str],
    record: &[u8],
    retention: u64,
    channel: &str,
) -> RedisResult<bool> {
    let publish = connection.publish();
    let command = |name: &str, script: &str| {
        let mut command: Cmd = cmd(name);
        command.arg(script).arg(keys.len()).arg(keys);
        command.arg(record).arg(retention).arg(publish).arg(channel);
        command
    };
    let known = command("EVALSHA", SCRIPT.get_hash());
    match connection.query(&known).await {
        // Scripts do not survive a restart or a failover.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            connection.query(&command("EVAL", TEXT)).await
        }
        result => result,
    }
}
