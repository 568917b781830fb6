//! The rows as docs/spec/rows.toml has them.

use std::fmt;

use serde::Deserialize;

use crate::shell;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    #[serde(rename = "group")]
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) specification: String,
    /// Why those of its rows that have no test have none.
    pub(crate) open: Option<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) id: String,
    #[serde(rename = "role")]
    pub(crate) roles: Roles,
    pub(crate) level: Level,
    /// What is asked for.
    pub(crate) rule: String,
    /// Why there is no test.
    pub(crate) open: Option<String>,
    /// What the tests leave out.
    pub(crate) lacks: Option<String>,
    /// The file whose documentation has an example that must not compile.
    pub(crate) compile_fail: Option<String>,
}

/// One role, or several separated by `, `.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Roles(Vec<Role>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Rs,
    Xc,
    As,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    Must,
    Policy,
    Should,
    May,
}

impl Rows {
    pub(crate) fn parse(text: &str) -> shell::Result<Self> {
        toml::from_str(text).map_err(|error| format!("{}: {error}", super::ROWS).into())
    }

    /// Every row, with its group.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Group, &Row)> {
        let of = |group| (std::iter::repeat(group), group);
        self.groups
            .iter()
            .map(of)
            .flat_map(|(again, group)| again.zip(&group.rows))
    }
}

impl Roles {
    pub(crate) fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

impl Role {
    pub(crate) const EACH: [Self; 4] = [Self::Rs, Self::Xc, Self::As, Self::All];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rs => "RS",
            Self::Xc => "XC",
            Self::As => "AS",
            Self::All => "ALL",
        }
    }
}

impl Level {
    pub(crate) const EACH: [Self; 4] = [Self::Must, Self::Policy, Self::Should, Self::May];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Policy => "POLICY",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl TryFrom<String> for Roles {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let role = |name: &str| {
            let found = Role::EACH.into_iter().find(|role| role.name() == name);
            found.ok_or_else(|| format!("`{name}` is no role"))
        };
        text.split(", ")
            .map(role)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|role| role.name()).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: &str) -> shell::Result<Rows> {
        Rows::parse(&format!(
            "[[group]]\ntitle = \"t\"\nspecification = \"s\"\nrows = [{{ id = \"TX-01\", rule = \"r\", {row} }}]"
        ))
    }

    #[test]
    fn a_row_has_roles_and_a_level() {
        let rows = row(r#"role = "AS, XC", level = "POLICY""#).unwrap();
        let (group, row) = rows.iter().next().unwrap();
        assert_eq!((group.title.as_str(), row.id.as_str()), ("t", "TX-01"));
        assert!(row.roles.contains(Role::Xc) && !row.roles.contains(Role::Rs));
        assert_eq!(
            (row.roles.to_string(), row.level),
            ("AS, XC".into(), Level::Policy)
        );
    }

    #[test]
    fn what_is_misspelt_is_an_error() {
        for wrong in [
            r#"role = "SR", level = "MUST""#,
            r#"role = "RS", level = "must""#,
            r#"role = "RS", level = "MUST", opne = "x""#,
        ] {
            assert!(row(wrong).is_err(), "{wrong}");
        }
    }
}
