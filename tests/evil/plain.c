/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An ordinary library: no manifest. */
__attribute__((visibility("default"))) int ordinary(void) { return 42; }
