/* The processes that one server answers for, and their profiles merged: what reader.h offers for one process, here for a
 * whole tree of them. Errors and meanings are those of reader.h; -ESRCH says that there is no process `pid`.
 *
 * `pid` 0 asks for all that live; a pid also finds the last processes that ended, whose segments are kept for a while.
 * Threads: any number at once, for everything but tree_free(). */
#ifndef PIKO_READER_TREE_H
#define PIKO_READER_TREE_H

#include "reader/reader.h"
#include "trace/trace.h"

#define TREE_PROCESSES_MAX 512u /* alive at once; more are refused: each takes a descriptor of 1024 */
#define TREE_ENDED_MAX 32u      /* kept after their end */
#define TREE_COMMAND_BYTES 256u
#define TREE_NAME_BYTES 64u

struct tree;
struct symbols;
struct builds;

enum tree_state { TREE_RUNNING, TREE_STOPPED, TREE_ENDED, TREE_REPLACED };

/* 0 or -ENOMEM. */
int tree_new(struct tree **ret);
/* A tree of one process without labels, whose reader stays the caller's and outlives the tree. */
int tree_new_single(struct reader *reader, struct tree **ret);
/* No capture may be running. Takes NULL. */
void tree_free(struct tree *tree);

/* As reader_set_builds(), for the processes that come from here on; all of a single tree. Those are looked at. */
void tree_set_builds(struct tree *tree, struct builds *builds);
/* Call visit for each sentence about how a file of theirs was built. */
void tree_list_builds(struct tree *tree, void (*visit)(const char *sentence, void *data), void *data);

/* Take a process in: its segment, mapped by mmap(), is the tree's from here on, also on failure. A process of the same
 * pid was replaced by it (exec). While CPU captures run they take the new one along.
 * 0, -ENOMEM, -EBADMSG (not a segment), or -ENFILE. */
int tree_add(struct tree *tree, uint32_t pid, uint32_t parent, const char *name, const char *command,
             struct segment *segment, size_t bytes);
/* Whether a process of that pid lives here. */
bool tree_has(struct tree *tree, uint32_t pid);
/* How often the newest process of that pid has forked; 0 when there is none. */
uint64_t tree_forks(struct tree *tree, uint32_t pid);
/* The process is gone. */
void tree_end(struct tree *tree, uint32_t pid);
/* Tell the targets that we live: their CPU samplers stop some seconds after the last call. */
void tree_beat(struct tree *tree);

int tree_profile(struct tree *tree, uint32_t pid, enum reader_kind kind, struct profile **ret);

struct tree_delta;
int tree_delta_begin(struct tree *tree, uint32_t pid, enum reader_kind kind, struct tree_delta **ret);
int tree_delta_end(struct tree_delta *delta, struct profile **ret);

struct tree_cpu;
int tree_cpu_begin(struct tree *tree, uint32_t pid, unsigned hz, struct tree_cpu **ret);
int tree_cpu_end(struct tree_cpu *capture, struct profile **ret);

/* Of one process: all that was sampled since it came. For one whose sampler runs from its start. */
int tree_cpu_so_far(struct tree *tree, uint32_t pid, struct profile **ret);

/* An execution trace (trace/trace.h), recorded from begin to end and read meanwhile: call read every TREE_TRACE_TURN_NS,
 * or records are lost; it appends what can be sent so far. Processes that come meanwhile are taken in. tree_trace_end()
 * appends the rest and frees the trace, also on failure; with ret NULL it does nothing else. Any number at once; each costs as much. */
#define TREE_TRACE_TURN_NS 100000000u
struct tree_trace;
int tree_trace_begin(struct tree *tree, uint32_t pid, enum trace_format format, struct tree_trace **ret);
int tree_trace_read(struct tree_trace *trace, struct buffer *ret);
int tree_trace_end(struct tree_trace *trace, struct buffer *ret);

/* The recent past of processes that keep it. -ENODATA when none does. */
int tree_trace_recent(struct tree *tree, uint32_t pid, enum trace_format format, struct buffer *ret);

/* The same of all that are known, those that ended included. */
int tree_trace_known(struct tree *tree, enum trace_format format, struct buffer *ret);

/* In a tree, a line "# process PID COMMAND, parent PID, state" stands before each process's threads. */
int tree_dump(struct tree *tree, uint32_t pid, struct buffer *ret);
/* How it ended: what its signal handler left, and the stack of the thread that crashed; nothing when it did not crash. */
int tree_crash(struct tree *tree, uint32_t pid, struct buffer *ret);
int tree_symbol(struct tree *tree, uint32_t pid, uint64_t address, struct buffer *ret);
/* Without a pid: of the first process. */
int tree_cmdline(struct tree *tree, uint32_t pid, struct buffer *ret);
/* Sums; rates and pid are those of the first. All 0 while there is no process. 0 or -ESRCH. */
int tree_figures(struct tree *tree, uint32_t pid, struct reader_figures *ret);

struct tree_process {
    uint32_t pid, parent;
    char name[TREE_NAME_BYTES];       /* as it was called */
    char command[TREE_COMMAND_BYTES]; /* path of its program */
    enum tree_state state;
    uint64_t age_ns; /* since it registered */
    uint64_t threads;
};
const char *tree_state_name(enum tree_state state);
/* Call visit for each process, those that ended last; none in a single tree. 0 or -ENOMEM. */
int tree_list(struct tree *tree, void (*visit)(const struct tree_process *process, void *data), void *data);

#endif
