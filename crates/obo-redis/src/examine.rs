//! What `obo doctor` says of a store: the rights of its user, and whether it may lose logouts.

use std::collections::HashMap;

use obo::fleet::{Finding, FindingState, StoreError, StoreKey};
use redis::{RedisResult, cmd};

use crate::connection::Connection;
use crate::line::Line;

type Node<'n> = Option<&'n (String, u16)>;

/// Returns the names of what its user may not do. The name that it uses ends soon, and none of its
/// channels is listened to.
const RIGHTS: &str = "
local name, channel, publish = ARGV[1], ARGV[2], ARGV[3]
local forbidden = {}
local function try(command, ...)
    local result = redis.pcall(command, ...)
    local problem = type(result) == 'table' and result.err or ''
    if string.find(problem, 'user executing the script can') or string.find(problem, 'ACL failure')
        or string.find(problem, 'NOPERM') then
        if string.find(problem, 'access a key') or string.find(problem, 'the keys mentioned') then
            command = '~obo:*'
        elseif string.find(problem, 'channel') then
            command = '&obo:*'
        else
            command = '+' .. string.lower(command)
        end
        for _, known in ipairs(forbidden) do if known == command then return end end
        forbidden[#forbidden + 1] = command
    end
end
try('TIME') try('EXISTS', name) try('TYPE', name)
try('XADD', name, '*', 'r', '') try('PEXPIRE', name, 1000) try('PTTL', name)
try('XRANGE', name, '-', '+', 'COUNT', 1) try('DEL', name)
try('SET', name, '', 'PX', 1000) try('GET', name) try('MGET', name) try('DEL', name)
try(publish, channel, '')
return forbidden
";

/// Checks each node.
pub(crate) async fn examine(line: &Line) -> Result<Vec<Finding>, StoreError> {
    let log = StoreKey::log();
    let nodes = async |mut connection: Connection| connection.primaries().await;
    let nodes = line.run(&log, nodes).await?;
    let mut findings = Vec::new();
    for node in &nodes {
        let of_node = async |connection| Ok(of_node(connection, node.as_ref()).await);
        for finding in line.run(&log, of_node).await? {
            findings.push(match node {
                Some((host, port)) => finding.of(&format!("{host}:{port}")),
                None => finding,
            });
        }
    }
    Ok(findings)
}

async fn of_node(mut connection: Connection, node: Node<'_>) -> Vec<Finding> {
    let mut findings = vec![rights(&mut connection, node).await];
    let mut command = cmd("CONFIG");
    command
        .arg("GET")
        .arg(&["maxmemory", "maxmemory-policy", "appendonly", "save"]);
    let config = connection.query_at(node, command).await;
    let info = connection.query_at::<String>(node, cmd("INFO")).await;
    let settings = Settings {
        config: config.unwrap_or_default(),
        info: info.map(|info| lines(&info)).unwrap_or_default(),
    };
    if settings.config.is_empty() && settings.info.is_empty() {
        let seen = "its user may run neither CONFIG GET nor INFO, so eviction and persistence are not known";
        let change =
            "check as an administrator: `redis-cli CONFIG GET maxmemory-policy appendonly save`";
        findings.push(Finding::new("settings", FindingState::Note, seen).change(change));
        return findings;
    }
    findings.extend(settings.eviction());
    findings.extend(settings.memory());
    findings.push(settings.persistence());
    findings
}

async fn rights(connection: &mut Connection, node: Node<'_>) -> Finding {
    let finding = |state, seen: String| Finding::new("rights", state, seen);
    let missing = match missing_rights(connection, node).await {
        Ok(missing) => missing,
        Err(error) => {
            let seen = match error.code() {
                Some("NOPERM") => "its user may not run EVAL".to_owned(),
                code => format!("could not be tried: {}", code.unwrap_or("no response")),
            };
            let change = "grant `+eval`: logouts are appended by a script";
            return finding(FindingState::Wrong, seen).change(change);
        }
    };
    if missing.is_empty() {
        let seen = "its user may do all that is needed";
        return finding(FindingState::Right, seen.to_owned());
    }
    let missing = missing.join(" ");
    finding(FindingState::Wrong, format!("its user lacks {missing}"))
        .change(format!("`ACL SETUSER` the user of `redis` with {missing}"))
}

/// The missing rights, as `ACL SETUSER` takes them.
async fn missing_rights(connection: &mut Connection, node: Node<'_>) -> RedisResult<Vec<String>> {
    let publish = connection.publish();
    let mut script = cmd("EVAL");
    let log = StoreKey::log();
    script
        .arg(RIGHTS)
        .arg(0)
        .arg(format!("{}:doctor", log.as_str()));
    script.arg("obo:1:doctor").arg(publish);
    let mut missing: Vec<String> = connection.query_at(node, script).await?;
    let mut known = cmd("EVALSHA");
    known.arg("0000000000000000000000000000000000000000").arg(0);
    if is_forbidden(connection.query_at(node, known).await) {
        missing.push("+evalsha".to_owned());
    }
    let right = match connection.is_cluster() {
        true => "+ssubscribe",
        false => "+subscribe",
    };
    let channel = StoreKey::announcements();
    if is_forbidden(connection.subscribe(channel.as_str()).await) {
        missing.push(right.to_owned());
    }
    Ok(missing)
}

fn is_forbidden(result: RedisResult<()>) -> bool {
    result.is_err_and(|error| error.code() == Some("NOPERM"))
}

/// What a node says of itself. Either part is empty if its user may not read it.
struct Settings {
    config: HashMap<String, String>,
    info: HashMap<String, String>,
}

impl Settings {
    /// A setting by its name in `CONFIG GET` and in `INFO`.
    fn get(&self, config: &str, info: &str) -> Option<&str> {
        let setting = self.config.get(config).or_else(|| self.info.get(info));
        setting.map(String::as_str)
    }

    fn eviction(&self) -> Option<Finding> {
        let policy = self.get("maxmemory-policy", "maxmemory_policy")?;
        let finding = |state, seen: String| Finding::new("eviction", state, seen);
        Some(match policy {
            "noeviction" => {
                let seen =
                    "noeviction: a store that is full refuses a logout, and its sender tries again";
                finding(FindingState::Right, seen.to_owned())
            }
            other => finding(
                FindingState::Wrong,
                format!("{other}: a store that is full may evict logouts and used identifiers"),
            )
            .change("set `maxmemory-policy noeviction`"),
        })
    }

    fn memory(&self) -> Option<Finding> {
        let limit: u64 = self.get("maxmemory", "maxmemory")?.parse().ok()?;
        let used = self
            .info
            .get("used_memory")
            .and_then(|used| used.parse::<u64>().ok());
        let finding = |state, seen: String| Finding::new("memory", state, seen);
        Some(match (limit, used) {
            (0, _) => finding(
                FindingState::Note,
                "no limit: the store may take the memory of its host until the host ends it"
                    .to_owned(),
            )
            .change("set `maxmemory` to what the host can spare"),
            (limit, Some(used)) if used >= limit / 10 * 9 => finding(
                FindingState::Wrong,
                format!(
                    "{} of {} are used; when it is full, it refuses logouts",
                    megabytes(used),
                    megabytes(limit)
                ),
            )
            .change("raise `maxmemory`"),
            (limit, Some(used)) => {
                let seen = format!("{} of {} are used", megabytes(used), megabytes(limit));
                finding(FindingState::Right, seen)
            }
            (limit, None) => finding(FindingState::Right, format!("at most {}", megabytes(limit))),
        })
    }

    fn persistence(&self) -> Finding {
        let finding = |state, seen: &str| Finding::new("persistence", state, seen);
        let has_log = match self.get("appendonly", "aof_enabled") {
            Some(value) => matches!(value, "yes" | "1"),
            None => return finding(FindingState::Note, "not known"),
        };
        match (has_log, self.config.get("save").map(String::as_str)) {
            (true, _) => finding(
                FindingState::Right,
                "appendonly: logouts survive a restart of the store",
            ),
            (false, Some("")) => finding(
                FindingState::Note,
                "none: a restart of the store loses the logouts, unless a process that knows them is running",
            )
            .change("set `appendonly yes`, if a process that starts later must know them"),
            (false, Some(_)) => finding(
                FindingState::Note,
                "snapshots: a restart of the store loses the logouts since the last one",
            )
            .change("set `appendonly yes`, if a process that starts later must know them"),
            (false, None) => finding(
                FindingState::Note,
                "no appendonly file; whether there are snapshots is not known",
            ),
        }
    }
}

/// The lines `name:value` of `INFO`.
fn lines(info: &str) -> HashMap<String, String> {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1_000_000.0)
}
