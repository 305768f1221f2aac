//! Rules of other systems.

mod classbench;
