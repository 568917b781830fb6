//! How configuration files spell the values of this crate: each as one string, checked where it is read, so that the
//! file's reader can say at which place the mistake is.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error};

use crate::dialect::{self, Rfc8693};
use crate::{Algorithm, Audience, Issuer, MacAlgorithm, Profile, Resource};

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            D::Error::custom(format!("algorithm {name:?} is none of {known}"))
        })
    }
}

impl<'de> Deserialize<'de> for MacAlgorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            D::Error::custom(format!("algorithm {name:?} is none of {known}"))
        })
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            D::Error::custom(format!("profile {name:?} is none of {known}"))
        })
    }
}

impl<'de> Deserialize<'de> for Rfc8693 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        dialect::named(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
