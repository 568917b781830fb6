use obo::path::{folded_path, is_unambiguous};

use super::refusal::Refusal;
use super::route_path::RoutePath;

/// Routes by path: an exact path goes first, then the longest start.
pub(super) struct RouteTable<T>(Vec<(RoutePath, T)>);

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> RouteTable<T> {
    /// Adds a route, unless there is one for these paths.
    pub(super) fn add(&mut self, path: RoutePath, route: T) -> Result<(), RoutePath> {
        if self.0.iter().any(|(other, _)| other.is_same(&path)) {
            return Err(path);
        }
        self.0.push((path, route));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The route of `path`, if every server reads it as a path of this route. One that some servers may read as another
    /// route's path, by letter case or the slash at the end, has no route: its rule would be led around.
    pub(super) fn find(&self, path: &str) -> Result<&T, Refusal> {
        let mut routes = self.0.iter();
        if let Some((_, route)) = routes.find(|(listed, _)| listed.is_exactly(path)) {
            return Ok(route);
        }
        let below = self.0.iter();
        let below = below.filter_map(|(listed, route)| Some((listed.leads_to(path)?, route)));
        let (length, route) = below
            .max_by_key(|(length, _)| *length)
            .ok_or(Refusal::NoRoute)?;
        if !is_unambiguous(path) {
            return Err(Refusal::AmbiguousPath);
        }
        let folded = folded_path(path);
        let mut listed = self.0.iter().map(|(listed, _)| listed);
        match listed.any(|listed| listed.may_lead_to(&folded) > Some(length)) {
            true => Err(Refusal::NoRoute),
            false => Ok(route),
        }
    }
}

#[cfg(test)]
mod tests;
