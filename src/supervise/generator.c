#include "supervise/generator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "supervise/postmortem.h"

#define WAITING_MAX 16u /* adding to the whole costs as much as the whole */

__attribute__((format(printf, 2, 3))) static void say(const struct generator *generator, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    generator->say(generator->say_data, line);
}

/* The first failure is told at once, how many there were at the end: a full disk fails for every process. */
static void fail(struct generator *generator, const char *folder, const char *file, int error) {
    if (!generator->n_failed++)
        say(generator, "error: profiles could not be written to %s%s%s: %s", folder, *file ? "/" : "", file,
            strerror(-error));
}

void generator_begin(const char *folder, void (*say_function)(void *data, const char *line), void *say_data,
                     struct generator *ret) {
    *ret = (struct generator){.folder = folder,
                              .say = say_function,
                              .say_data = say_data,
                              .sum = PROFILE_SET_EMPTY,
                              .waiting = PROFILE_SET_EMPTY};
    int error = profile_set_try(folder);
    if (error)
        fail(ret, folder, "", error);
}

/* A name that no set of this run has: a process may execute the same program again. */
static char *choose_name(const struct generator *generator, struct tree *tree, uint32_t pid) {
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);
    if (postmortem_name(tree, pid, &name))
        return NULL;
    size_t length = name.size;
    for (unsigned i = 0, n = 1; i < generator->n_sets; i++) {
        if (strcmp(generator->names[i], name.data) != 0)
            continue;
        name.size = length;
        if (buffer_printf(&name, ".%u", ++n))
            return NULL;
        i = UINT32_MAX; /* from the first again */
    }
    return strdup(name.data);
}

static int keep_name(struct generator *generator, char *name) {
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): of an array of pointers */
    int error = grow_array(&generator->names, &generator->names_space, generator->n_sets, sizeof(*generator->names));
    if (!error)
        generator->names[generator->n_sets++] = name;
    return error;
}

static int add_up(struct generator *generator, struct profile_set *set) {
    int error = profile_set_add(&generator->waiting, set);
    if (!error && ++generator->n_waiting >= WAITING_MAX) {
        error = profile_set_add(&generator->sum, &generator->waiting);
        generator->n_waiting = 0;
    }
    return error;
}

void generator_take(struct generator *generator, struct tree *tree, uint32_t pid, int signal) {
    struct profile_set set = PROFILE_SET_EMPTY;
    _cleanup_buffer_ struct buffer folder = BUFFER_INIT(0);
    const char *file = "";
    char *name = choose_name(generator, tree, pid);
    int error = name ? buffer_printf(&folder, "%s/%s", generator->folder, name) : -ENOMEM;
    if (!error)
        error = keep_name(generator, name);
    if (error) {
        free(name);
        fail(generator, generator->folder, "", error);
        return;
    }
    error = profile_set_take(tree, pid, /* with_cpu= */ true, &set);
    int written = profile_set_write(&set, folder.data, &file);
    error = error ? error : written;
    if (!error && signal)
        error = postmortem_write_crash(tree, pid, signal, folder.data);
    int added = add_up(generator, &set);
    profile_set_done(&set);
    error = error ? error : added;
    if (error)
        fail(generator, folder.data, file, error);
}

/* All of it was written by us; what else is in the folder keeps it. */
static int move_up(const struct generator *generator) {
    _cleanup_buffer_ struct buffer from = BUFFER_INIT(0), to = BUFFER_INIT(0);
    int failed = 0;
    for (size_t i = 0; !failed; i++) {
        const char *file = profile_set_files[i] ? profile_set_files[i] : "crash.txt";
        from.size = to.size = 0;
        failed = buffer_printf(&from, "%s/%s/%s", generator->folder, generator->names[0], file);
        if (!failed)
            failed = buffer_printf(&to, "%s/%s", generator->folder, file);
        if (!failed && rename(from.data, to.data) && errno != ENOENT)
            failed = -errno;
        if (!profile_set_files[i])
            break;
    }
    from.size = 0;
    if (!failed && !buffer_printf(&from, "%s/%s", generator->folder, generator->names[0]))
        rmdir(from.data);
    return failed;
}

static void write_sum(struct generator *generator, struct tree *tree) {
    const char *file = "";
    int error = profile_set_add(&generator->sum, &generator->waiting);
    int traced = tree_trace_known(tree, TRACE_GO_1_23, &generator->sum.trace);
    if (traced && traced != -ENODATA)
        error = error ? error : traced;
    int written = profile_set_write(&generator->sum, generator->folder, &file);
    error = error ? error : written;
    if (error)
        fail(generator, generator->folder, file, error);
}

static void tell(const struct generator *generator) {
    if (generator->n_failed)
        say(generator, "error: %u of %u sets of profiles could not be written to %s", generator->n_failed,
            generator->n_sets + (generator->n_sets > 1), generator->folder);
    else if (!generator->n_sets)
        say(generator, "nothing was profiled: no process of the command could be");
    else if (generator->n_sets == 1)
        say(generator, "profiles are in %s", generator->folder);
    else
        say(generator, "profiles of %u processes are in %s/NAME-PID, their sum in %s", generator->n_sets,
            generator->folder, generator->folder);
}

void generator_end(struct generator *generator, struct tree *tree) {
    int error = 0;
    if (generator->n_sets == 1)
        error = generator->n_failed ? 0 : move_up(generator);
    else if (generator->n_sets)
        write_sum(generator, tree);
    if (error)
        fail(generator, generator->folder, "", error);
    tell(generator);
    for (unsigned i = 0; i < generator->n_sets; i++)
        free(generator->names[i]);
    free(generator->names);
    profile_set_done(&generator->sum);
    profile_set_done(&generator->waiting);
}
