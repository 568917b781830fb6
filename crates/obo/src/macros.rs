//! Implementations that several types share.

/// Access to the service that `inner` wraps.
macro_rules! inner_accessors {
    ($inner:ty) => {
        /// The wrapped service.
        pub fn get_ref(&self) -> &$inner {
            &self.inner
        }

        /// The wrapped service, to change it.
        pub fn get_mut(&mut self) -> &mut $inner {
            &mut self.inner
        }

        /// Unwraps the service.
        pub fn into_inner(self) -> $inner {
            self.inner
        }
    };
}

/// A `Debug` that shows the name of the type alone, whatever its parameters are.
macro_rules! opaque_debug {
    ($name:ident $(<$($parameter:ident),+>)? $(where $($bounds:tt)+)?) => {
        impl $(<$($parameter),+>)? std::fmt::Debug for $name $(<$($parameter),+>)?
        $(where $($bounds)+)?
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
