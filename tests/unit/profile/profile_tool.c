/* The profile layer as a command, for tests that compare it with the real tools. It prints what goes wrong on stderr.
 *   profile_tool encode IN OUT          read, write
 *   profile_tool merge OUT IN...        sum
 *   profile_tool diff OUT AFTER BEFORE  AFTER - BEFORE, with what is below zero
 *   profile_tool delta OUT BEFORE AFTER
 *   profile_tool text heap|block|mutex|NAME IN
 *   profile_tool check [--diff] IN
 *   profile_tool time IN                milliseconds of reading, writing and merging */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "profile/profile.h"

#define PROFILES_MAX 16

static struct profile *load(const char *path) {
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    char why[256] = "";
    struct profile *profile = NULL;
    int error = file_read(path, &data);
    if (!error)
        error = profile_decode(data.data, data.size, &profile, why, sizeof why);
    if (error)
        fprintf(stderr, "%s: %s (%s)\n", path, why, strerror(-error));
    return profile;
}

static int save(const struct profile *profile, const char *path) {
    _cleanup_buffer_ struct buffer data = BUFFER_INIT(0);
    int error = profile_encode(profile, &data);
    if (!error)
        error = file_write(path, data.data, data.size, 0644);
    if (error)
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
    return error ? 1 : 0;
}

static int reencode(const char *in, const char *out) {
    struct profile *profile = load(in);
    int status = profile ? save(profile, out) : 1;
    profile_free(profile);
    return status;
}

static int combine(const char *verb, const char *out, char **paths, size_t n) {
    struct profile *profiles[PROFILES_MAX] = {0}, *result = NULL;
    int error = n > PROFILES_MAX;
    for (size_t i = 0; i < n && !error; i++) {
        profiles[i] = load(paths[i]);
        error = !profiles[i];
    }
    if (!error && strcmp(verb, "delta") == 0)
        error = profile_delta(profiles[0], profiles[1], &result);
    else if (!error)
        error = profile_merge((const struct profile *const *)profiles,
                              strcmp(verb, "diff") == 0 ? (const double[]){1, -1} : NULL, n, &result);
    if (error)
        fprintf(stderr, "%s: %s\n", verb, strerror(-error));
    else
        error = save(result, out);
    profile_free(result);
    for (size_t i = 0; i < PROFILES_MAX; i++)
        profile_free(profiles[i]);
    return error ? 1 : 0;
}

static int text(const char *kind, const char *path) {
    struct profile *profile = load(path);
    if (!profile)
        return 1;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(0);
    enum profile_text_kind which = strcmp(kind, "heap") == 0    ? PROFILE_TEXT_HEAP
                                   : strcmp(kind, "block") == 0 ? PROFILE_TEXT_BLOCK
                                   : strcmp(kind, "mutex") == 0 ? PROFILE_TEXT_MUTEX
                                                                : PROFILE_TEXT_COUNT;
    int error = profile_write_text(profile, which, kind, &out);
    if (!error)
        fwrite(out.data, 1, out.size, stdout);
    profile_free(profile);
    return error ? 1 : 0;
}

static int check(const char *path, bool is_diff) {
    struct profile *profile = load(path);
    char why[256] = "";
    int error = profile ? profile_check(profile, is_diff, why, sizeof why) : 1;
    if (why[0])
        fprintf(stderr, "%s: %s\n", path, why);
    profile_free(profile);
    return error ? 1 : 0;
}

static int measure(const char *path) {
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(0);
    uint64_t start = clock_monotonic_ns();
    struct profile *profile = load(path), *sum = NULL;
    uint64_t loaded = clock_monotonic_ns();
    if (!profile || profile_encode(profile, &out))
        return 1;
    uint64_t written = clock_monotonic_ns();
    int error = profile_merge((const struct profile *const[]){profile, profile}, NULL, 2, &sum);
    uint64_t merged = clock_monotonic_ns();
    printf("read %.1f ms, write %.1f ms, merge of two %.1f ms; %zu samples, %u locations, %u functions\n",
           (double)(loaded - start) / NS_PER_MS, (double)(written - loaded) / NS_PER_MS,
           (double)(merged - written) / NS_PER_MS, profile->n_samples, profile->n_locations, profile->n_functions);
    profile_free(sum);
    profile_free(profile);
    return error ? 1 : 0;
}

int main(int n, char **arguments) {
    const char *verb = n > 2 ? arguments[1] : "";
    if (strcmp(verb, "encode") == 0 && n == 4)
        return reencode(arguments[2], arguments[3]);
    if ((strcmp(verb, "merge") == 0 && n > 3) || ((!strcmp(verb, "diff") || !strcmp(verb, "delta")) && n == 5))
        return combine(verb, arguments[2], arguments + 3, (size_t)n - 3);
    if (strcmp(verb, "text") == 0 && n == 4)
        return text(arguments[2], arguments[3]);
    if (strcmp(verb, "check") == 0)
        return check(arguments[n - 1], strcmp(arguments[2], "--diff") == 0);
    if (strcmp(verb, "time") == 0)
        return measure(arguments[2]);
    fprintf(stderr, "usage: see the top of profile_tool.c\n");
    return 2;
}
