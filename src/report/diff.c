#include "report/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SIDES 2u

/* How much repeated runs of one program differ beyond chance, as a share of a value: no less than `least`, and no more than
 * `most`, however much all rows of a table differ. Measured on repeated runs of the example site under a load that others
 * disturbed (tests/system/test_piko_diff.py): what is allocated hangs on what is found in caches, and who meets whom at a
 * lock on who else is on the machine, so that waits differ by factors. */
struct spread_range {
    double least, most;
};
static const struct spread_range spread_of_time = {0.04, 0.2}, spread_of_memory = {0.42, 0.7},
                                 spread_of_waits = {1.2, 1.2};

#define VARIANCE_OF_WAITS 2.0 /* E[x^2] / E[x]^2 of one wait: as exponential ones are */

/* What the pair's columns are: the value and its partner, each before and after. */
enum column { VALUE = 0, PARTNER = 2 };

/* What tells how many events a value stands for. */
enum partner {
    PARTNER_NONE,    /* unknown: each stack is one */
    PARTNER_COUNT,   /* samples of cpu, contentions of delay; of a count it is that itself */
    PARTNER_OBJECTS, /* of allocated bytes: sampled, so most small ones were not seen */
    PARTNER_BYTES    /* of allocated objects: likewise */
};

/* What one row has got so far. */
struct tally {
    int64_t flat[SIDES], cum[SIDES];
    double flat_squares[SIDES], cum_squares[SIDES]; /* of what single events added: their variance */
    size_t last_sample;                             /* that added to cum, counted from 1 */
};

struct comparison {
    const struct diff_choice *choice;
    enum partner partner;
    double periods[SIDES]; /* bytes between sampled allocations; values that one event adds, where that is fixed */
    bool is_wait;
    struct spread_range spread;
    struct stacks stacks;
    struct tally *lines, *groups, whole;
};

/* ---- what values stand for --------------------------------------------------------------------------------------- */

static bool starts_with(const char *string, const char *start) {
    return strncmp(string, start, strlen(start)) == 0;
}

static bool ends_with(const char *string, const char *end) {
    size_t length = strlen(string), n = strlen(end);
    return length >= n && strcmp(string + length - n, end) == 0;
}

/* What stands for now, whatever the load has been. */
static bool is_level(const char *type) {
    return starts_with(type, "inuse") || strcmp(type, "goroutine") == 0 || strcmp(type, "threadcreate") == 0;
}

/* Values come in pairs, the count before what was counted. */
static uint32_t find_partner(const struct profile *profile, uint32_t type, enum partner *ret) {
    const struct profile_value_type *types = profile->sample_types;
    const char *name = types[type].type;
    *ret = PARTNER_NONE;
    if (ends_with(name, "_space") && type > 0 && ends_with(types[type - 1].type, "_objects"))
        *ret = PARTNER_OBJECTS;
    else if (ends_with(name, "_objects") && type + 1 < profile->n_sample_types &&
             ends_with(types[type + 1].type, "_space"))
        *ret = PARTNER_BYTES;
    else if (strcmp(types[type].unit, "count") == 0 || (type > 0 && strcmp(types[type - 1].unit, "count") == 0))
        *ret = PARTNER_COUNT;
    switch (*ret) {
    case PARTNER_OBJECTS:
        return type - 1;
    case PARTNER_BYTES:
        return type + 1;
    case PARTNER_COUNT:
        return strcmp(types[type].unit, "count") == 0 ? type : type - 1;
    case PARTNER_NONE:
        break;
    }
    return PROFILE_NONE;
}

/* Allocations are sampled once in `period` bytes and scaled up: how many were seen. */
static double seen_of(double objects, double bytes, double period) {
    if (!(objects > 0) || !(bytes > 0) || !(period > 1))
        return objects;
    return objects * -expm1(-bytes / objects / period);
}

/* Events that a sample's value stands for; at least one. */
static double events_of(const struct comparison *comparison, const struct profile_sample *sample, unsigned side) {
    double value = fabs((double)sample->values[VALUE + side]), partner = fabs((double)sample->values[PARTNER + side]);
    double events = 1;
    if (comparison->partner == PARTNER_COUNT)
        events = partner;
    else if (comparison->partner == PARTNER_OBJECTS)
        events = seen_of(partner, value, comparison->periods[side]);
    else if (comparison->partner == PARTNER_BYTES)
        events = seen_of(value, partner, comparison->periods[side]);
    return events > 1 ? events : 1;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

/* Sums wrap as pprof's do. */
static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void count(struct tally *tally, unsigned side, int64_t value, double squares, bool is_leaf, bool is_first) {
    if (is_leaf) {
        tally->flat[side] = add(tally->flat[side], value);
        tally->flat_squares[side] += squares;
    }
    if (is_first) {
        tally->cum[side] = add(tally->cum[side], value);
        tally->cum_squares[side] += squares;
    }
}

static void count_both(struct tally *tally, const int64_t *values, const double *squares, bool is_leaf, size_t sample) {
    bool is_first = tally->last_sample != sample;
    tally->last_sample = sample;
    for (unsigned side = 0; side < SIDES; side++)
        count(tally, side, values[side], squares[side], is_leaf, is_first);
}

static void count_samples(struct comparison *comparison) {
    struct stacks *stacks = &comparison->stacks;
    for (size_t i = 0; i < stacks->profile->n_samples; i++) {
        const struct profile_sample *sample = &stacks->profile->samples[i];
        double squares[SIDES];
        if ((sample->values[VALUE] == 0 && sample->values[VALUE + 1] == 0) || !stacks_read(stacks, sample))
            continue;
        for (unsigned side = 0; side < SIDES; side++) {
            double value = (double)sample->values[VALUE + side];
            squares[side] =
                value * value / events_of(comparison, sample, side) * (comparison->is_wait ? VARIANCE_OF_WAITS : 1);
        }
        count_both(&comparison->whole, &sample->values[VALUE], squares, true, i + 1);
        for (uint32_t j = 0; j < stacks->n_lines; j++) {
            uint32_t line = stacks->lines[j];
            uint32_t group = table_group_of(&stacks->frames, comparison->choice->group, line);
            count_both(&comparison->lines[line], &sample->values[VALUE], squares, j == 0, i + 1);
            if (comparison->groups != comparison->lines)
                count_both(&comparison->groups[group], &sample->values[VALUE], squares, j == 0, i + 1);
        }
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* A row with what it is judged by, while rows are judged. */
struct candidate {
    struct diff_row row;
    struct evidence evidence;
};

double diff_value(const struct diff *diff, int64_t value, unsigned side) {
    return (double)value / diff->exposures[side];
}

/* Values in units of what one event of the row adds, so that they are counts; where the sides were sampled at different
 * rates, one event of theirs is of different weight. */
static struct evidence evidence_of(const struct comparison *comparison, const struct diff *diff,
                                   const struct tally *tally) {
    bool by_cum = comparison->choice->by_cum;
    const double *squares = by_cum ? tally->cum_squares : tally->flat_squares;
    const int64_t *values = by_cum ? tally->cum : tally->flat;
    double scale = comparison->periods[1] / comparison->periods[0];
    double before = fabs((double)values[0]), after = fabs((double)values[1]) / scale;
    struct evidence ret = {.exposure_before = diff->exposures[0], .exposure_after = diff->exposures[1] / scale};
    double weight = before + after > 0 ? (squares[0] + squares[1] / scale / scale) / (before + after) : 0;
    if (weight > 0) {
        ret.before = before / weight;
        ret.after = after / weight;
    }
    return ret;
}

static struct candidate candidate_of(const struct comparison *comparison, const struct diff *diff,
                                     const struct frame_line *line, const struct tally *tally) {
    struct candidate ret = {.evidence = evidence_of(comparison, diff, tally)};
    ret.row = (struct diff_row){.function = line->name, .file = line->file, .line = line->line};
    memcpy(ret.row.flat, tally->flat, sizeof(ret.row.flat));
    memcpy(ret.row.cum, tally->cum, sizeof(ret.row.cum));
    const int64_t *values = comparison->choice->by_cum ? tally->cum : tally->flat;
    ret.row.change = diff_value(diff, values[1], 1) - diff_value(diff, values[0], 0);
    return ret;
}

static double weight_of(const struct tally *tally, bool by_cum) {
    const int64_t *values = by_cum ? tally->cum : tally->flat;
    return fabs((double)values[0]) + fabs((double)values[1]);
}

/* Each group with its heaviest line; its lines stand together. */
static size_t make_candidates(const struct comparison *comparison, const struct diff *diff, struct candidate *ret) {
    const struct frames *frames = &comparison->stacks.frames;
    enum table_group group = comparison->choice->group;
    bool by_cum = comparison->choice->by_cum;
    uint32_t heaviest = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < frames->n_lines; i++) {
        uint32_t of = table_group_of(frames, group, i);
        if (of != table_group_of(frames, group, heaviest) ||
            weight_of(&comparison->lines[i], by_cum) > weight_of(&comparison->lines[heaviest], by_cum))
            heaviest = i;
        bool is_last = i + 1 == frames->n_lines || table_group_of(frames, group, i + 1) != of;
        if (is_last && weight_of(&comparison->groups[of], by_cum) > 0)
            ret[n++] = candidate_of(comparison, diff, &frames->lines[heaviest], &comparison->groups[of]);
    }
    return n;
}

static double larger_of(const struct diff *diff, const struct candidate *candidate, bool by_cum) {
    const int64_t *values = by_cum ? candidate->row.cum : candidate->row.flat;
    return fmax(fabs(diff_value(diff, values[0], 0)), fabs(diff_value(diff, values[1], 1)));
}

/* What is no change is noise, unless chance would hide one that matters, or one that would matter seems to be there and
 * only the spread of runs speaks against it. */
static void judge(const struct diff *diff, bool by_cum, double spread, double limit, struct candidate *candidate) {
    struct diff_row *row = &candidate->row;
    double larger = larger_of(diff, candidate, by_cum);
    double whole = fmax(fabs(diff_value(diff, diff->totals[0], 0)), fabs(diff_value(diff, diff->totals[1], 1)));
    double hidden = larger * verdict_half_width(&candidate->evidence, /* spread= */ 0);
    double hidden_by_all = larger * verdict_half_width(&candidate->evidence, spread);
    double material = fmax(VERDICT_MATERIAL * larger, VERDICT_MATERIAL_WHOLE * whole);
    row->verdict = VERDICT_NOISE;
    if (candidate->evidence.before + candidate->evidence.after >= VERDICT_EVENTS_LEAST && row->probability <= limit) {
        row->verdict = VERDICT_CHANGED;
    } else if (hidden > material || (hidden_by_all > material && fabs(row->change) > material)) {
        row->verdict = VERDICT_MORE;
        row->times_more = hidden > material ? hidden / material * (hidden / material) : 0;
    }
}

static int judge_all(struct comparison *comparison, struct diff *diff, struct candidate *candidates, size_t n) {
    bool by_cum = comparison->choice->by_cum;
    _cleanup_free_ struct evidence *rows = calloc(n + 1, sizeof(*rows));
    _cleanup_free_ double *probabilities = calloc(n + 1, sizeof(*probabilities));
    size_t n_judged = 0;
    if (!rows || !probabilities)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = candidates[i].evidence;
    diff->spread = verdict_spread(rows, n, comparison->spread.least, comparison->spread.most);
    for (size_t i = 0; i < n; i++) {
        candidates[i].row.probability = verdict_probability(&rows[i], diff->spread);
        if (rows[i].before + rows[i].after >= VERDICT_EVENTS_LEAST)
            probabilities[n_judged++] = candidates[i].row.probability;
    }
    double limit = verdict_limit(probabilities, n_judged);
    for (size_t i = 0; i < n; i++)
        judge(diff, by_cum, diff->spread, limit, &candidates[i]);
    struct candidate whole =
        candidate_of(comparison, diff, &(struct frame_line){.name = "all", .file = ""}, &comparison->whole);
    /* What all rows share (the machine's speed) is the most of what the whole differs by. */
    double spread = fmax(diff->spread, (comparison->spread.least + comparison->spread.most) / 2);
    whole.row.probability = verdict_probability(&whole.evidence, spread);
    judge(diff, by_cum, spread, VERDICT_FALSE_MOST, &whole);
    diff->whole = whole.row;
    return 0;
}

static int compare_rows(const void *left, const void *right) {
    const struct diff_row *a = left, *b = right;
    bool a_changed = a->verdict == VERDICT_CHANGED, b_changed = b->verdict == VERDICT_CHANGED;
    if (a_changed != b_changed)
        return a_changed ? -1 : 1;
    if (fabs(a->change) != fabs(b->change))
        return fabs(a->change) > fabs(b->change) ? -1 : 1;
    int order = strcmp(a->function, b->function);
    if (!order)
        order = strcmp(a->file, b->file);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How many times more samples would settle half of the rows that lack them. */
static int summarise(struct diff *diff) {
    _cleanup_free_ double *times = calloc(diff->n_rows + 1, sizeof(*times));
    size_t n_times = 0;
    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < diff->n_rows; i++) {
        diff->n_changed += diff->rows[i].verdict == VERDICT_CHANGED;
        diff->n_more += diff->rows[i].verdict == VERDICT_MORE;
        if (diff->rows[i].times_more > 0)
            times[n_times++] = diff->rows[i].times_more;
    }
    qsort(times, n_times, sizeof(*times), compare_doubles);
    diff->times_more = n_times > 0 ? times[n_times / 2] : 0;
    return 0;
}

static int make_rows(struct comparison *comparison, struct diff *diff) {
    struct frames *frames = &comparison->stacks.frames;
    size_t space = (size_t)table_n_groups(frames, comparison->choice->group) + 1;
    _cleanup_free_ struct candidate *candidates = calloc(space, sizeof(*candidates));
    diff->rows = calloc(space, sizeof(*diff->rows));
    if (!candidates || !diff->rows)
        return -ENOMEM;
    diff->n_rows = make_candidates(comparison, diff, candidates);
    int error = judge_all(comparison, diff, candidates, diff->n_rows);
    if (error)
        return error;
    for (size_t i = 0; i < diff->n_rows; i++)
        diff->rows[i] = candidates[i].row;
    qsort(diff->rows, diff->n_rows, sizeof(*diff->rows), compare_rows);
    diff->strings = frames->strings;
    frames->strings = NULL;
    return summarise(diff);
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static int choose_per(const struct diff_side *before, const struct diff_side *after, const struct diff_choice *choice,
                      struct diff *diff) {
    const struct diff_side *sides[SIDES] = {before, after};
    bool has_requests = before->requests > 0 && after->requests > 0;
    bool has_durations = before->profile->duration_nanos > 0 && after->profile->duration_nanos > 0;
    bool level = is_level(before->profile->sample_types[choice->before_type].type);
    diff->per = choice->per;
    if (diff->per == DIFF_PER_BEST)
        diff->per = level           ? DIFF_PER_RUN
                    : has_requests  ? DIFF_PER_REQUEST
                    : has_durations ? DIFF_PER_SECOND
                                    : DIFF_PER_RUN;
    if ((diff->per == DIFF_PER_REQUEST && !has_requests) || (diff->per == DIFF_PER_SECOND && !has_durations))
        return -ENODATA;
    for (unsigned i = 0; i < SIDES; i++) {
        diff->exposures[i] = 1;
        if (diff->per == DIFF_PER_REQUEST)
            diff->exposures[i] = (double)sides[i]->requests;
        if (diff->per == DIFF_PER_SECOND)
            diff->exposures[i] = (double)sides[i]->profile->duration_nanos / (double)NS_PER_S;
    }
    return 0;
}

static int make_pair(const struct diff_side *before, const struct diff_side *after, const struct diff_choice *choice,
                     struct comparison *comparison, struct diff *diff) {
    enum partner of_after;
    uint32_t before_types[] = {choice->before_type,
                               find_partner(before->profile, choice->before_type, &comparison->partner)};
    uint32_t after_types[] = {choice->after_type, find_partner(after->profile, choice->after_type, &of_after)};
    if (of_after != comparison->partner)
        comparison->partner = PARTNER_NONE;
    int error = profile_pair(before->profile, before_types, after->profile, after_types, 2, &diff->pair);
    if (error)
        return error;
    diff->type = &diff->pair->sample_types[VALUE];
    diff->totals[0] = table_whole(before->profile, choice->before_type);
    diff->totals[1] = table_whole(after->profile, choice->after_type);
    bool is_time = strcmp(diff->type->unit, "nanoseconds") == 0;
    comparison->is_wait = comparison->partner == PARTNER_COUNT &&
                          (strcmp(diff->type->type, "delay") == 0 || strcmp(diff->type->type, "contentions") == 0);
    bool is_memory = comparison->partner == PARTNER_OBJECTS || comparison->partner == PARTNER_BYTES;
    comparison->spread = comparison->is_wait ? spread_of_waits : is_memory ? spread_of_memory : spread_of_time;
    bool has_periods =
        before->profile->period > 0 && after->profile->period > 0 && !comparison->is_wait && (is_time || is_memory);
    comparison->periods[0] = has_periods ? (double)before->profile->period : 1;
    comparison->periods[1] = has_periods ? (double)after->profile->period : 1;
    return 0;
}

static int compare(struct comparison *comparison, struct diff *diff) {
    int error = stacks_make(diff->pair, comparison->choice->filter, &comparison->stacks);
    if (error)
        return error;
    const struct frames *frames = &comparison->stacks.frames;
    comparison->lines = calloc((size_t)frames->n_lines + 1, sizeof(*comparison->lines));
    comparison->groups = comparison->lines;
    if (comparison->choice->group != TABLE_BY_LINE)
        comparison->groups =
            calloc((size_t)table_n_groups(frames, comparison->choice->group) + 1, sizeof(*comparison->groups));
    error = comparison->lines && comparison->groups ? 0 : -ENOMEM;
    if (!error) {
        count_samples(comparison);
        error = make_rows(comparison, diff);
    }
    if (comparison->groups != comparison->lines)
        free(comparison->groups);
    free(comparison->lines);
    stacks_done(&comparison->stacks);
    return error;
}

int diff_build(const struct diff_side *before, const struct diff_side *after, const struct diff_choice *choice,
               struct diff *ret) {
    struct comparison comparison = {.choice = choice};
    struct diff diff = {0};
    if (choice->before_type >= before->profile->n_sample_types || choice->after_type >= after->profile->n_sample_types)
        return -EINVAL;
    int error = choose_per(before, after, choice, &diff);
    if (!error)
        error = make_pair(before, after, choice, &comparison, &diff);
    if (!error)
        error = compare(&comparison, &diff);
    if (error)
        diff_done(&diff);
    else
        *ret = diff;
    return error;
}

void diff_done(struct diff *diff) {
    free(diff->rows);
    free(diff->strings);
    profile_free(diff->pair);
    *diff = (struct diff){0};
}

const char *diff_per_name(enum diff_per per) {
    static const char *const names[] = {
        [DIFF_PER_BEST] = "best", [DIFF_PER_REQUEST] = "request", [DIFF_PER_SECOND] = "second", [DIFF_PER_RUN] = "run"};
    return names[per];
}
