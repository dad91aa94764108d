/** The guide to testing: its tests are tests of ours, as they stand. */
import "../../examples/guides/testing/poll.test.ts";
