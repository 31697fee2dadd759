// A plugin of QEMU's that counts the instructions of a program that it emulates: qemu-aarch64 -plugin this.so PROGRAM.
// At the end the number stands on stderr. `./dev instructions` builds and uses it.
//
// Debian has QEMU's plugins but not their header, so what of version 1 of that interface is used stands here. The
// counter is one for all threads, without locks: a program under it has one thread that does the work.
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>

extern "C" {

struct qemu_plugin_tb;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, void (*translated)(uint64_t plugin, qemu_plugin_tb* block));
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* block);
/// Operation 0 adds `number` to *counter whenever the block is executed.
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb* block, int operation, void* counter, uint64_t number);
void qemu_plugin_register_atexit_cb(uint64_t plugin, void (*ends)(uint64_t plugin, void* data), void* data);

[[gnu::visibility("default")]] int qemu_plugin_version = 1;

static uint64_t executed = 0;

static void count_block(uint64_t, qemu_plugin_tb* block) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &executed, qemu_plugin_tb_n_insns(block));
}

static void print_count(uint64_t, void*) { std::fprintf(stderr, "executed %" PRIu64 "\n", executed); }

[[gnu::visibility("default")]] int qemu_plugin_install(uint64_t plugin, const void*, int, char**) {
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, count_block);
  qemu_plugin_register_atexit_cb(plugin, print_count, nullptr);
  return 0;
}
}
