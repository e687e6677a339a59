#include "pages.h"

#include <cmark.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_ON_FRONT 6u
#define NOTES_SEPARATOR "\n* * *\n"

static int is_markdown(const struct dirent *file) {
    const char *dot = strrchr(file->d_name, '.');
    return dot && dot != file->d_name && strcmp(dot, ".md") == 0;
}

static struct text read_from(const char *folder, const char *name) {
    struct text path = {0};
    text_format(&path, "%s/%s", folder, name);
    struct text content = text_read_file(path.data);
    free(path.data);
    return content;
}

static void load_markdown(const char *folder, struct pages *pages) {
    struct dirent **files;
    int n = scandir(folder, &files, is_markdown, alphasort);
    if (n <= 0)
        return;
    pages->pages = calloc((size_t)n, sizeof *pages->pages);
    if (!pages->pages)
        abort();
    for (int i = 0; i < n; i++) {
        struct page *page = &pages->pages[pages->n_pages++];
        page->markdown = read_from(folder, files[i]->d_name);
        page->name = strndup(files[i]->d_name, strlen(files[i]->d_name) - strlen(".md"));
        free(files[i]);
    }
    free(files);
}

static void add_note(struct pages *pages, const char *text, size_t size) {
    struct text *notes = reallocarray(pages->notes, pages->n_notes + 1, sizeof *notes);
    if (!notes)
        abort();
    pages->notes = notes;
    pages->notes[pages->n_notes] = (struct text){0};
    text_add(&pages->notes[pages->n_notes++], text, size);
}

static void cut_notes(struct pages *pages, const char *text) {
    const char *end;
    while ((end = strstr(text, NOTES_SEPARATOR)) != NULL) {
        add_note(pages, text, (size_t)(end - text));
        text = end + strlen(NOTES_SEPARATOR);
    }
    add_note(pages, text, strlen(text));
}

const struct page *pages_find(const struct pages *pages, const char *name) {
    for (size_t i = 0; i < pages->n_pages; i++)
        if (pages->pages[i].markdown.data && strcmp(pages->pages[i].name, name) == 0)
            return &pages->pages[i];
    return NULL;
}

bool pages_load(const char *folder, struct pages *ret, struct text *missing) {
    struct pages pages = {.template = read_from(folder, "template.html")};
    load_markdown(folder, &pages);
    const struct page *notes = pages_find(&pages, "notes");
    if (notes)
        cut_notes(&pages, notes->markdown.data);
    pages.index = pages_find(&pages, "index");
    if (pages.template.data && notes && pages.index) {
        *ret = pages;
        return true;
    }
    text_format(missing, "%s/%s", folder, !pages.template.data ? "template.html" : notes ? "index.md" : "notes.md");
    pages_done(&pages);
    return false;
}

void pages_done(struct pages *pages) {
    for (size_t i = 0; i < pages->n_pages; i++) {
        free(pages->pages[i].name);
        free(pages->pages[i].markdown.data);
    }
    for (size_t i = 0; i < pages->n_notes; i++)
        free(pages->notes[i].data);
    free(pages->pages);
    free(pages->notes);
    free(pages->template.data);
}

/* The plain text of the document's first heading; "" when it has none. */
static void add_title(cmark_node *document, struct text *ret) {
    cmark_node *node = cmark_node_first_child(document);
    while (node && cmark_node_get_type(node) != CMARK_NODE_HEADING)
        node = cmark_node_next(node);
    for (node = node ? cmark_node_first_child(node) : NULL; node; node = cmark_node_next(node)) {
        const char *literal = cmark_node_get_literal(node);
        if (literal)
            text_add(ret, literal, strlen(literal));
    }
}

/* Copy the template, with {{title}} and {{content}} replaced. */
static void fill(const struct text *template, const char *title, const char *content, struct text *ret) {
    const char *rest = template->data;
    const char *mark;
    while ((mark = strstr(rest, "{{")) != NULL) {
        text_add(ret, rest, (size_t)(mark - rest));
        const char *value = strncmp(mark, "{{title}}", 9) == 0 ? title : content;
        text_add(ret, value, strlen(value));
        const char *end = strstr(mark, "}}");
        rest = end ? end + 2 : mark + strlen(mark);
    }
    text_add(ret, rest, strlen(rest));
}

void pages_render(const struct pages *pages, const struct text *markdown, struct text *ret) {
    cmark_node *document = cmark_parse_document(markdown->data, markdown->size, CMARK_OPT_DEFAULT);
    struct text title = {0};
    text_add(&title, "", 0);
    add_title(document, &title);
    char *content = cmark_render_html(document, CMARK_OPT_DEFAULT);
    fill(&pages->template, title.data, content, ret);
    free(content);
    free(title.data);
    cmark_node_free(document);
}

void pages_render_front(const struct pages *pages, unsigned edition, struct text *ret) {
    struct text markdown = {0};
    text_add(&markdown, pages->index->markdown.data, pages->index->markdown.size);
    text_format(&markdown, "\n## Notes of edition %u\n", edition);
    for (unsigned i = 0; i < NOTES_ON_FRONT; i++) {
        const struct text *note = &pages->notes[(edition + i * (1 + edition / 16 % 5)) % pages->n_notes];
        text_format(&markdown, "\n%s\n", note->data);
    }
    pages_render(pages, &markdown, ret);
    free(markdown.data);
}
