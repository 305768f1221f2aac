//! The table beside a naive model of Linux's TCP tracking, on random runs of segments.

#[path = "../../differential/mod.rs"]
mod runs;

use proptest::prelude::*;

use runs::play;

#[test]
fn runs_reach_what_is_to_be_compared() {
    let mut random = 1_u64;
    let mut draw = || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 56) as u8
    };
    let (mut new, mut established, mut invalid) = (0, 0, 0);
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..802).map(|_| draw()).collect();
        let summary = play(&bytes).unwrap();
        assert_eq!(summary.steps, 100);
        new += summary.new;
        established += summary.established;
        invalid += summary.invalid;
    }
    assert!(new > 500 && established > 500 && invalid > 500, "{new} {established} {invalid}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_table_is_the_model(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        if let Err(difference) = play(&bytes) {
            prop_assert!(false, "{}", difference);
        }
    }

    /// The same with fewer surprises: whole conversations.
    #[test]
    fn the_table_is_the_model_of_conversations(
        settings in any::<[u8; 2]>(),
        steps in prop::collection::vec(
            (
                prop_oneof![4 => 0..2u8, 1 => any::<u8>()],
                0..0x88u8,
                prop_oneof![6 => Just(0), 1 => 0x80..0x90u8, 1 => any::<u8>()],
                prop_oneof![6 => Just(0), 1 => 0x80..0x90u8, 1 => any::<u8>()],
                0..16u8,
                prop_oneof![3 => 0..2u8, 1 => any::<u8>()],
                prop_oneof![3 => Just(0), 2 => Just(7), 1 => any::<u8>()],
                prop_oneof![8 => 0..4u8, 1 => any::<u8>()],
            ),
            0..100,
        ),
    ) {
        let steps = steps.into_iter().flat_map(|(a, b, c, d, e, f, g, h)| [a, b, c, d, e, f, g, h]);
        let bytes: Vec<u8> = settings.into_iter().chain(steps).collect();
        if let Err(difference) = play(&bytes) {
            prop_assert!(false, "{}", difference);
        }
    }
}
