#include "trace/names.h"

#include "base/grow.h"
#include "base/utf8.h"

void names_init(struct names *names, const struct trace_source *source) {
    *names = (struct names){.source = source};
}

void names_done(struct names *names) {
    string_set_done(&names->strings);
    key_set_done(&names->text_keys);
    key_set_done(&names->stack_keys);
    key_set_done(&names->root_keys);
    free(names->texts);
    free(names->stack_ids);
    free(names->root_ids);
    free(names->stacks);
    free(names->frames);
    *names = (struct names){0};
}

void names_clear(struct names *names) {
    string_set_done(&names->strings);
    key_set_keep(&names->text_keys, 0);
    key_set_keep(&names->stack_keys, 0);
    key_set_keep(&names->root_keys, 0);
    names->n_stacks = names->n_frames = 0;
}

static uint32_t fail(struct names *names, int error) {
    if (!names->error)
        names->error = error;
    return 0;
}

/* Length of a string, cut between characters where it is too long, or where repairing it could make it too long. */
static size_t cut(const char *string) {
    size_t size = strnlen(string, NAMES_STRING_BYTES_MAX + 1);
    if (size <= NAMES_STRING_BYTES_MAX && utf8_is_valid(string, size))
        return size;
    size_t used = 0, repaired = 0, length;
    for (; used < size; used += length ? length : 1, repaired += length ? length : 3) {
        length = utf8_character(string + used, size - used);
        if (repaired + (length ? length : 3) > NAMES_STRING_BYTES_MAX)
            break;
    }
    return used;
}

uint32_t names_string(struct names *names, const char *string) {
    if (!string || !*string)
        return 0;
    uint32_t index = string_set_add(&names->strings, string, cut(string));
    return index == HASH_NONE ? fail(names, -ENOMEM) : index + 1;
}

const char *names_string_of(const struct names *names, uint32_t id) {
    return id ? names->strings.entries[id - 1].text : "";
}

uint32_t names_text(struct names *names, uint64_t text) {
    if (!text)
        return 0;
    uint32_t index = key_set_find(&names->text_keys, text);
    if (index != HASH_NONE)
        return names->texts[index];
    if (grow_array(&names->texts, &names->texts_space, names->text_keys.n, sizeof *names->texts))
        return fail(names, -ENOMEM);
    uint32_t id = names_string(names, names->source->text(names->source->context, text));
    if ((index = key_set_add(&names->text_keys, text)) == HASH_NONE)
        return fail(names, -ENOMEM);
    return names->texts[index] = id;
}

static uint32_t add_stack(struct names *names, uint64_t key, struct thread *thread) {
    if (grow_array(&names->stacks, &names->stacks_space, names->n_stacks, sizeof *names->stacks))
        return fail(names, -ENOMEM);
    names->stacks[names->n_stacks] = (struct name_stack){.key = key, .thread = thread};
    return ++names->n_stacks;
}

uint32_t names_stack(struct names *names, uint64_t stack, struct thread *thread) {
    if (!stack)
        return 0;
    uint32_t index = key_set_find(&names->stack_keys, stack);
    if (index != HASH_NONE)
        return names->stack_ids[index];
    if (grow_array(&names->stack_ids, &names->stack_ids_space, names->stack_keys.n, sizeof *names->stack_ids) ||
        (index = key_set_add(&names->stack_keys, stack)) == HASH_NONE)
        return fail(names, -ENOMEM);
    return names->stack_ids[index] = add_stack(names, stack, thread);
}

uint32_t names_root(struct names *names, struct thread *thread) {
    uint32_t index = key_set_find(&names->root_keys, thread->id);
    if (index != HASH_NONE)
        return names->root_ids[index];
    if (grow_array(&names->root_ids, &names->root_ids_space, names->root_keys.n, sizeof *names->root_ids) ||
        (index = key_set_add(&names->root_keys, thread->id)) == HASH_NONE)
        return fail(names, -ENOMEM);
    if (thread->witness)
        names_stack(names, thread->witness, thread); /* so that it is resolved too */
    return names->root_ids[index] = add_stack(names, 0, thread);
}
