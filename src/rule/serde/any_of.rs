use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use ::serde::de::{Error, MapAccess, SeqAccess, Visitor};
use ::serde::ser::SerializeMap;
use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rule::AnyOf;

impl<T: Serialize> Serialize for AnyOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_any() {
            return serializer.serialize_unit();
        }
        if !self.is_negated() {
            return serializer.collect_seq(self.items());
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("not", self.items())?;
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
    type Value = AnyOf<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alternatives, or one under `not`")
    }

    fn visit_unit<E>(self) -> Result<AnyOf<T>, E> {
        Ok(AnyOf::any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<AnyOf<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(AnyOf::one_of(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<AnyOf<T>, A::Error> {
        let mut items: Option<Vec<T>> = None;
        while let Some(key) = access.next_key::<alloc::string::String>()? {
            if key != "not" {
                return Err(A::Error::unknown_field(&key, &["not"]));
            }
            if items.replace(access.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("not"));
            }
        }
        items.map(AnyOf::none_of).ok_or_else(|| A::Error::missing_field("not"))
    }
}
