use crate::peers;

/// Name and version of each peer, from the lock file that this program was built with.
pub(super) fn named() -> impl Iterator<Item = String> {
    peers::all()
        .into_iter()
        .map(|peer| format!("{} {}", peer.name, of(peer.name)))
}

fn of(name: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let (_, behind) = lock.split_once(&format!("name = \"{name}\"\n")).unwrap();
    let (_, version) = behind.split_once('"').unwrap();
    let (version, _) = version.split_once('"').unwrap();
    version
}
