/* Claims about vector databases and rerankers: which calls are recognised, and which documents came with which score. */
#include "main.h"

#include "described.h"

/* --- rerank -------------------------------------------------------------------------------------------------------- */

static const struct exchange cohere_rerank = {
    .target = "/v2/rerank",
    .request = "{\"model\":\"rerank-v3.5\",\"query\":\"capital?\",\"documents\":[\"Carson City\","
               "\"Saipan\",\"Washington\"],\"top_n\":2}",
    .answer =
        "{\"id\":\"c9\",\"results\":[{\"index\":2,\"relevance_score\":0.9999989},{\"index\":0,"
        "\"relevance_score\":0.68}],\"meta\":{\"api_version\":{\"version\":\"2\"},"
        "\"billed_units\":{\"search_units\":1}}}"};

START_TEST(rerank_joins_places_with_the_documents_of_the_request)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&cohere_rerank, "rerank rerank rerank\n"
                                   "> text query: capital?\n> text document: Carson City\n"
                                   "> text document: Saipan\n> text document: Washington\n"
                                   "0.1 2 0.9999989 relevance : Washington\n"
                                   "0.2 0 0.68 relevance : Carson City\n");
    ck_assert_int_eq(read_exchange(&arena, &cohere_rerank, &reading), RN_OK);
    ck_assert(is(reading.model_asked, "rerank-v3.5") && is(reading.response_id, "c9"));
    ck_assert(is(reading.usage, "{\"search_units\":1}") && !reading.has_usage);
    ck_assert(is(reading.parameters, "{\"top_n\":2}"));
    rn_arena_free(&arena);
    check_torn(&cohere_rerank);
    check_starved(&cohere_rerank);
}
END_TEST

START_TEST(rerank_of_voyage_calls_its_results_data)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct exchange exchange = {
        .target = "/v1/rerank",
        .request =
            "{\"query\":\"q\",\"documents\":[\"a\",\"b\"],\"model\":\"rerank-2\",\"top_k\":1}",
        .answer = "{\"object\":\"list\",\"data\":[{\"relevance_score\":0.43,\"index\":1}],"
                  "\"model\":\"rerank-2\",\"usage\":{\"total_tokens\":26}}"};
    check_exchange(&exchange, "rerank rerank rerank\n> text query: q\n> text document: a\n"
                              "> text document: b\n0.1 1 0.43 relevance : b\n");
    ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_OK);
    ck_assert(reading.has_usage && reading.tokens_in == 26 && reading.tokens_total == 26);
    ck_assert(is(reading.model_answered, "rerank-2"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(rerank_documents_may_be_objects_and_come_back)
{
    const struct exchange jina = {
        .target = "/v1/rerank",
        .request = "{\"query\":\"q\",\"documents\":[{\"id\":\"d1\",\"text\":\"one\"},"
                   "{\"id\":7,\"text\":\"two\"}],\"return_documents\":true}",
        .answer = "{\"results\":[{\"index\":1,\"document\":{\"text\":\"two!\"},"
                  "\"relevance_score\":0.9},{\"index\":0,\"relevance_score\":1e-3},{\"index\":9,"
                  "\"relevance_score\":0}]}"};
    check_exchange(&jina, "rerank rerank rerank\n> text query: q\n> text document #d1: one\n"
                          "> text document #7: two\n0.1 7 0.9 relevance : two!\n"
                          "0.2 d1 1e-3 relevance : one\n0.3 9 0 relevance\n");
}
END_TEST

START_TEST(rerank_behind_bedrock_is_read)
{
    struct exchange bedrock = cohere_rerank;
    bedrock.target = "/model/cohere.rerank-v3-5%3A0/invoke";
    bedrock.request = "{\"query\":\"q\",\"documents\":[\"a\",\"b\"],\"api_version\":2}";
    bedrock.answer = "{\"results\":[{\"index\":1,\"relevance_score\":0.9}]}";
    check_exchange(&bedrock, "rerank bedrock.invoke rerank\n> text query: q\n> text document: a\n"
                             "> text document: b\n0.1 1 0.9 relevance : b\n");
}
END_TEST

START_TEST(rerank_of_others_is_read)
{
    const struct exchange tei = {.target = "/rerank",
                                 .request = "{\"query\":\"q\",\"texts\":[\"a\",\"b\"]}",
                                 .answer =
                                     "[{\"index\":1,\"score\":0.99},{\"index\":0,\"score\":0.02}]"};
    const struct exchange vllm = {
        .target = "/score",
        .request = "{\"model\":\"m\",\"text_1\":\"q\",\"text_2\":[\"a\",\"b\"]}",
        .answer = "{\"data\":[{\"index\":0,\"object\":\"score\",\"score\":1},{\"index\":1,"
                  "\"object\":\"score\",\"score\":0.5}],\"usage\":{\"prompt_tokens\":9}}"};
    const struct exchange llama = {.target = "/v1/reranking",
                                   .request = "{\"query\":\"q\",\"documents\":[\"a\"]}",
                                   .answer =
                                       "{\"results\":[{\"index\":0,\"relevance_score\":-3.2}]}"};
    const char *heads = "> text query: q\n> text document: a\n> text document: b\n";
    char expected[400];
    (void)snprintf(expected, sizeof expected,
                   "rerank rerank rerank\n%s0.1 1 0.99 relevance : b\n0.2 0 0.02 relevance : a\n",
                   heads);
    check_exchange(&tei, expected);
    (void)snprintf(expected, sizeof expected,
                   "rerank rerank rerank\n%s0.1 0 1 relevance : a\n0.2 1 0.5 relevance : b\n",
                   heads);
    check_exchange(&vllm, expected);
    check_exchange(&llama, "rerank rerank rerank\n> text query: q\n> text document: a\n"
                           "0.1 0 -3.2 relevance : a\n");
}
END_TEST

/* --- Qdrant -------------------------------------------------------------------------------------------------------- */

static const struct exchange qdrant_query = {
    .target = "/collections/policies/points/query?timeout=5",
    .fields = "api-key: x\r\n",
    .request = "{\"query\":[0.1,0.2],\"limit\":2,\"with_payload\":true}",
    .answer = "{\"result\":{\"points\":[{\"id\":\"5c56c793\",\"version\":3,\"score\":0.83,"
              "\"payload\":{\"page_content\":\"30 days\",\"metadata\":{\"source\":\"refund-v3\"}}},"
              "{\"id\":17,\"version\":3,\"score\":0.82,\"payload\":{\"text\":\"14 days\"}}]},"
              "\"status\":\"ok\",\"time\":0.0001}"};

START_TEST(qdrant_points_are_documents)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&qdrant_query, "retrieval qdrant query @policies\n"
                                  "0.1 5c56c793 0.83 similarity | refund-v3 : 30 days\n"
                                  "0.2 17 0.82 similarity : 14 days\n");
    ck_assert_int_eq(read_exchange(&arena, &qdrant_query, &reading), RN_OK);
    ck_assert(is(reading.parameters, "{\"limit\":2,\"with_payload\":true}"));
    rn_arena_free(&arena);
    check_torn(&qdrant_query);
    check_starved(&qdrant_query);
}
END_TEST

START_TEST(qdrant_of_all_shapes_is_read)
{
    const struct exchange search = {
        .target = "/collections/c/points/search",
        .request = "{\"vector\":[1],\"limit\":3}",
        .answer =
            "{\"result\":[{\"id\":1,\"score\":0.1},{\"id\":2,\"score\":0.4}],\"status\":\"ok\"}"};
    const struct exchange batch = {
        .target = "/collections/c/points/query/batch",
        .request =
            "{\"searches\":[{\"query\":{\"text\":\"refund\",\"model\":\"m\"}},{\"query\":[1]}]}",
        .answer = "{\"result\":[{\"points\":[{\"id\":1,\"score\":0.9}]},{\"points\":[{\"id\":2,"
                  "\"score\":0.8},{\"id\":3,\"score\":0.7}]}]}"};
    const struct exchange groups = {
        .target = "/collections/c/points/query/groups",
        .request = "{\"query\":[1],\"group_by\":\"doc\"}",
        .answer = "{\"result\":{\"groups\":[{\"id\":\"a\",\"hits\":[{\"id\":1,\"score\":0.9}]},"
                  "{\"id\":\"b\",\"hits\":[{\"id\":2,\"score\":0.8}]}]}}"};
    const struct exchange scroll = {
        .target = "/collections/c/points/scroll",
        .request = "{\"limit\":1}",
        .answer = "{\"result\":{\"points\":[{\"id\":1,\"payload\":{\"k\":[1]}}],"
                  "\"next_page_offset\":2}}"};
    const struct exchange upsert = {
        .method = "PUT",
        .target = "/collections/my%20docs/points?wait=true",
        .request = "{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":{\"text\":\"x\"}}]}",
        .answer =
            "{\"result\":{\"operation_id\":1,\"status\":\"acknowledged\"},\"status\":\"ok\"}"};
    const struct exchange wrong = {.target = "/collections/c/points/query",
                                   .request = "{\"query\":[1]}",
                                   .status = 404,
                                   .answer = "{\"status\":{\"error\":\"Not found: Collection `c` "
                                             "doesn't exist!\"},\"time\":0}"};
    /* scores that rise belong to a measure where less is closer */
    check_exchange(&search, "retrieval qdrant search @c\n0.1 1 0.1 distance\n0.2 2 0.4 distance\n");
    check_exchange(&batch, "retrieval qdrant query/batch @c\n> text query: refund\n"
                           "0.1 1 0.9 similarity\n1.1 2 0.8 similarity\n1.2 3 0.7 similarity\n");
    check_exchange(&groups, "retrieval qdrant query/groups @c\n0.1 1 0.9 similarity\n"
                            "0.2 2 0.8 similarity\n");
    check_exchange(&scroll, "retrieval qdrant scroll @c\n0.1 1 none : {\"k\":[1]}\n");
    check_exchange(&upsert, "other qdrant upsert @my docs\n");
    check_exchange(&wrong, "retrieval qdrant query @c\nerror Not found: Collection `c` doesn't "
                           "exist!");
}
END_TEST

START_TEST(qdrant_searches_of_stages_and_nodes_are_read)
{
    const struct exchange stages = {
        .target = "/collections/c/points/query",
        .request = "{\"prefetch\":[{\"query\":{\"nearest\":{\"text\":\"a\"}}},{\"prefetch\":{"
                   "\"query\":{\"text\":\"b\"}}}],\"query\":{\"fusion\":\"rrf\"}}",
        .answer = "{\"result\":{\"points\":[{\"id\":1,\"score\":0.5,\"payload\":{\"_node_content\":"
                  "\"{\\\"text\\\": \\\"from a node\\\"}\",\"file_name\":\"n.md\"}}]}}"};
    check_exchange(&stages, "retrieval qdrant query @c\n> text query: a\n> text query: b\n"
                            "0.1 1 0.5 similarity | n.md : from a node\n");
}
END_TEST

/* --- Pinecone ------------------------------------------------------------------------------------------------------ */

START_TEST(pinecone_queries_are_read)
{
    const struct exchange query = {
        .target = "/query",
        .request = "{\"vector\":[0.3],\"topK\":2,\"includeMetadata\":true,\"namespace\":\"ns\"}",
        .answer = "{\"matches\":[{\"id\":\"A\",\"score\":0.9,\"values\":[],\"metadata\":{\"text\":"
                  "\"30 days\",\"title\":\"Refunds\"}},{\"id\":\"B\",\"score\":0.4}],"
                  "\"namespace\":\"ns\",\"usage\":{\"readUnits\":5}}"};
    const struct exchange search = {
        .target = "/records/namespaces/ns/search",
        .fields = "X-Pinecone-Api-Version: 2026-07\r\n",
        .request = "{\"query\":{\"inputs\":{\"text\":\"refund\"},\"top_k\":1},\"fields\":[\"t\"]}",
        .answer =
            "{\"result\":{\"hits\":[{\"_id\":\"r1\",\"_score\":0.21,\"fields\":{\"chunk_text\":"
            "\"x\"}}]},\"usage\":{\"read_units\":6,\"embed_total_tokens\":4}}"};
    const struct exchange old = {
        .target = "/query",
        .request = "{\"queries\":[{\"values\":[1]}],\"topK\":1}",
        .answer = "{\"results\":[{\"matches\":[{\"id\":\"A\",\"score\":1}]},{\"matches\":[{\"id\":"
                  "\"B\",\"score\":2}]}]}"};
    check_exchange(&query, "retrieval pinecone query @ns\n"
                           "0.1 A 0.9 similarity | Refunds : 30 days\n0.2 B 0.4 similarity\n");
    check_exchange(&search, "retrieval pinecone search @ns\n> text query: refund\n"
                            "0.1 r1 0.21 similarity : x\n");
    check_exchange(&old, "retrieval pinecone query\n0.1 A 1 similarity\n1.1 B 2 similarity\n");
    check_torn(&search);
    check_starved(&search);
}
END_TEST

START_TEST(pinecone_fetches_and_writes_are_told_apart)
{
    const struct exchange fetch = {
        .method = "GET",
        .target = "/vectors/fetch?ids=a&namespace=my+ns",
        .upstream = "pinecone",
        .answer =
            "{\"vectors\":{\"a\":{\"id\":\"a\",\"values\":[1],\"metadata\":{\"text\":\"t\"}}},"
            "\"namespace\":\"my ns\"}"};
    const struct exchange lines = {
        .target = "/records/namespaces/n/upsert",
        .request = "{\"_id\":\"1\",\"chunk_text\":\"a\"}\n{\"_id\":\"2\",\"chunk_text\":\"b\"}\n",
        .status = 201};
    const struct exchange upsert = {.target = "/vectors/upsert",
                                    .request = "{\"vectors\":[{\"id\":\"a\",\"values\":[1]}]}",
                                    .answer = "{\"upsertedCount\":1}"};
    const struct exchange refused = {.target = "/query",
                                     .request = "{\"vector\":[1],\"topK\":1}",
                                     .status = 400,
                                     .answer = "{\"code\":3,\"message\":\"Vector dimension 1\","
                                               "\"details\":[]}"};
    check_exchange(&fetch, "retrieval pinecone fetch @my ns\n0.1 a none : t\n");
    check_exchange(&lines, "other pinecone upsert @n\n");
    check_exchange(&upsert, "other pinecone upsert\n");
    check_exchange(&refused, "retrieval pinecone query\nerror Vector dimension 1");
}
END_TEST

/* --- Chroma -------------------------------------------------------------------------------------------------------- */

static const struct exchange chroma_query = {
    .target = "/api/v2/tenants/t/databases/d/collections/9d6c/query",
    .request = "{\"query_embeddings\":[[0.1],[0.2]],\"n_results\":2,\"include\":[\"documents\"]}",
    .answer =
        "{\"ids\":[[\"a\",\"b\"],[\"c\"]],\"distances\":[[0.2,0.5],[1.1]],\"documents\":[["
        "\"A\",null],[\"C\"]],\"metadatas\":[[{\"source\":\"s\"},null],[null]],\"uris\":null}"};

START_TEST(chroma_columns_are_documents)
{
    const char *documents = "0.1 a 0.2 distance | s : A\n0.2 b 0.5 distance\n"
                            "1.1 c 1.1 distance : C\n";
    char expected[300];
    struct exchange v1 = chroma_query;
    v1.target = "/api/v1/collections/9d6c/query";
    (void)snprintf(expected, sizeof expected, "retrieval chroma query @9d6c\n%s", documents);
    check_exchange(&chroma_query, expected);
    check_exchange(&v1, expected);
    check_torn(&chroma_query);
    check_starved(&chroma_query);
}
END_TEST

START_TEST(chroma_gets_and_writes_are_read)
{
    const struct exchange get = {
        .target = "/api/v1/collections/c/get",
        .request = "{\"ids\":[\"a\",\"b\"]}",
        .answer = "{\"ids\":[\"a\",\"b\"],\"documents\":[\"A\",\"B\"],\"metadatas\":[{\"title\":"
                  "\"T\"},null]}"};
    const struct exchange add = {.target = "/api/v2/tenants/t/databases/d/collections/c/add",
                                 .request = "{\"ids\":[\"a\"],\"documents\":[\"A\"]}",
                                 .status = 201,
                                 .answer = "{}"};
    const struct exchange short_columns = {
        .target = "/api/v1/collections/c/query",
        .request = "{\"query_texts\":[\"x\"]}",
        .answer = "{\"ids\":[[\"a\",\"b\"]],\"distances\":[[0.2]],\"documents\":null}"};
    const struct exchange missing = {
        .target = "/api/v1/collections/c/query",
        .request = "{}",
        .status = 404,
        .answer = "{\"error\":\"NotFoundError\",\"message\":\"Collection [c] does not exist.\"}"};
    check_exchange(&get, "retrieval chroma get @c\n0.1 a none | T : A\n0.2 b none : B\n");
    check_exchange(&add, "other chroma add @c\n");
    check_exchange(&short_columns, "retrieval chroma query @c\n> text query: x\n"
                                   "0.1 a 0.2 distance\n0.2 b none\n");
    check_exchange(&missing, "retrieval chroma query @c\nerror Collection [c] does not exist.");
}
END_TEST

/* --- Weaviate ------------------------------------------------------------------------------------------------------ */

START_TEST(weaviate_graphql_is_read_by_class)
{
    const struct exchange get = {
        .target = "/v1/graphql",
        .request =
            "{\"query\":\"\\n {\\n   Get {\\n Article(nearText:{concepts:[\\\"x\\\"]}) {text "
            "_additional {id distance}}}}\"}",
        .answer = "{\"data\":{\"Get\":{\"Article\":[{\"text\":\"As king\",\"author\":\"L\","
                  "\"_additional\":{\"id\":\"0fa7\",\"distance\":0.12}}],\"Note\":[{\"k\":1,"
                  "\"_additional\":{\"id\":\"1\",\"certainty\":0.9}},{\"text\":\"y\","
                  "\"_additional\":{\"score\":\"0.0163\"}}]}}}"};
    const struct exchange count = {.target = "/v1/graphql",
                                   .request = "{\"query\":\"{Aggregate{Article{meta{count}}}}\"}",
                                   .answer = "{\"data\":{\"Aggregate\":{\"Article\":[{\"meta\":{"
                                             "\"count\":5}}]}}}"};
    const struct exchange write = {
        .target = "/v1/objects",
        .request = "{\"class\":\"Article\",\"properties\":{\"text\":\"x\"},\"id\":\"1\"}",
        .answer = "{\"class\":\"Article\",\"id\":\"1\"}"};
    const struct exchange other = {.target = "/v1/graphql",
                                   .request = "{\"query\":\"{ user { name } }\"}",
                                   .answer = "{\"data\":{}}"};
    const struct exchange failed = {
        .target = "/v1/graphql",
        .request = "{\"query\":\"{Get{X{a}}}\"}",
        .answer = "{\"data\":{\"Get\":null},\"errors\":[{\"message\":\"no class X\"}]}"};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(read_exchange(&arena, &get, &reading), RN_OK);
    reading.request = NULL; /* the query, with line feeds in it */
    char *text = described(&reading);
    ck_assert_str_eq(text, "retrieval weaviate get @Article\n"
                           "0.1 0fa7 [Article] 0.12 distance : As king\n"
                           "1.1 1 [Note] 0.9 similarity : {\"k\":1,\"_additional\":{\"id\":\"1\","
                           "\"certainty\":0.9}}\n1.2 [Note] 0.0163 relevance : y\n");
    rn_free(text);
    rn_arena_free(&arena);
    check_exchange(&count, "other weaviate aggregate\n> text query: "
                           "{Aggregate{Article{meta{count}}}}\n");
    check_exchange(&write, "other weaviate objects @Article\n");
    check_exchange(&failed, "retrieval weaviate get\n> text query: {Get{X{a}}}\nerror no class X");
    check_nobody(&other);
}
END_TEST

/* --- Elasticsearch ------------------------------------------------------------------------------------------------- */

static const struct exchange elastic_knn = {
    .target = "/policies/_search",
    .request = "{\"knn\":{\"field\":\"v\",\"query_vector\":[1],\"k\":2},\"_source\":[\"text\"]}",
    .answer =
        "{\"took\":3,\"hits\":{\"total\":{\"value\":2},\"max_score\":0.9,\"hits\":[{\"_index\":"
        "\"policies\",\"_id\":\"p1\",\"_score\":0.9,\"_source\":{\"title\":\"Refunds\","
        "\"text\":\"30 days\"}},{\"_index\":\"policies\",\"_id\":\"p2\",\"_score\":null,"
        "\"fields\":{\"n\":[1]}}]}}"};

START_TEST(elasticsearch_is_read_where_it_searches_by_meaning)
{
    const struct exchange retriever = {
        .method = "GET",
        .target = "/p/_search?size=1",
        .request = "{\"retriever\":{\"text_similarity_reranker\":{\"retriever\":{\"standard\":{"
                   "\"query\":{\"semantic\":{\"field\":\"t\",\"query\":\"refund?\"}}}},"
                   "\"inference_text\":\"refund days\"}}}",
        .answer = "{\"hits\":{\"hits\":[{\"_index\":\"p\",\"_id\":\"1\",\"_score\":3.5}]}}"};
    const struct exchange neural = {
        .target = "/_search",
        .request = "{\"query\":{\"neural\":{\"v\":{\"query_text\":\"refund\",\"k\":3}}}}",
        .answer = "{\"hits\":{\"hits\":[{\"_index\":\"o\",\"_id\":\"1\",\"_score\":0.7,"
                  "\"highlight\":{\"t\":[\"<em>x</em>\"]}}]}}"};
    const struct exchange hybrid = {
        .target = "/o/_search",
        .request =
            "{\"query\":{\"hybrid\":{\"queries\":[{\"match\":{\"t\":\"a b\"}},{\"knn\":{\"v\":"
            "{\"vector\":[1]}}}]}}}",
        .answer = "{\"hits\":{\"hits\":[{\"_id\":\"1\",\"_score\":0.7}]}}"};
    const struct exchange words = {.target = "/p/_search",
                                   .request = "{\"query\":{\"match\":{\"t\":\"x\"}}}",
                                   .answer = "{\"hits\":{\"hits\":[]}}"};
    const struct exchange broken = {.target = "/p/_search", .request = "{\"query\":"};
    check_exchange(&elastic_knn, "retrieval elasticsearch search @policies\n"
                                 "0.1 p1 [policies] 0.9 similarity | Refunds : 30 days\n"
                                 "0.2 p2 [policies] none : {\"n\":[1]}\n");
    check_exchange(&retriever, "retrieval elasticsearch search @p\n> text query: refund?\n"
                               "> text query: refund days\n0.1 1 [p] 3.5 relevance\n");
    check_exchange(&neural, "retrieval elasticsearch search\n> text query: refund\n"
                            "0.1 1 [o] 0.7 similarity : {\"t\":[\"<em>x</em>\"]}\n");
    check_exchange(&hybrid, "retrieval elasticsearch search @o\n> text query: a b\n"
                            "0.1 1 0.7 relevance\n");
    check_nobody(&words);
    check_nobody(&broken);
    check_torn(&elastic_knn);
    check_starved(&elastic_knn);
}
END_TEST

START_TEST(elasticsearch_lines_are_read)
{
    const struct exchange many = {
        .target = "/_msearch",
        .request = "{\"index\":\"a\"}\n{\"knn\":{\"field\":\"v\",\"query_vector\":[1]}}\n{}\n"
                   "{\"query\":{\"match\":{\"t\":\"b\"}}}\n",
        .answer = "{\"responses\":[{\"hits\":{\"hits\":[{\"_index\":\"a\",\"_id\":\"1\",\"_score\":"
                  "0.5}]}},{\"error\":{\"type\":\"t\",\"reason\":\"no such index\"},"
                  "\"status\":404}]}"};
    const struct exchange words = {.target = "/a/_msearch",
                                   .request = "{}\n{\"query\":{\"match_all\":{}}}\n",
                                   .answer =
                                       "{\"responses\":[{\"hits\":{\"hits\":[{\"_id\":\"1\"}]}}"
                                       "]}"};
    const struct exchange bulk = {.target = "/a/_bulk",
                                  .request = "{\"index\":{}}\n{\"t\":1}\n",
                                  .answer = "{\"errors\":false}"};
    const struct exchange old = {.target = "/a/_knn_search",
                                 .request = "{\"knn\":{\"field\":\"v\",\"query_vector\":[1]}}",
                                 .answer = "{\"hits\":{\"hits\":[{\"_id\":\"1\",\"_score\":2}]}}"};
    check_exchange(&many, "retrieval elasticsearch msearch\n> text query: b\n"
                          "0.1 1 [a] 0.5 similarity\nerror no such index");
    check_exchange(&words, "other elasticsearch msearch @a\n");
    check_exchange(&bulk, "other elasticsearch bulk @a\n");
    check_exchange(&old, "retrieval elasticsearch knn_search @a\n0.1 1 2 similarity\n");
    check_torn(&many);
    check_starved(&many);
}
END_TEST

/* --- OpenAI vector stores ------------------------------------------------------------------------------------------ */

START_TEST(vector_stores_of_openai_are_read)
{
    const struct exchange search = {
        .target = "/v1/vector_stores/vs_1/search",
        .request = "{\"query\":[\"refund\",\"days\"],\"max_num_results\":2}",
        .answer = "{\"object\":\"vector_store.search_results.page\",\"search_query\":[\"refund\"],"
                  "\"data\":[{\"file_id\":\"file-1\",\"filename\":\"r.pdf\",\"score\":0.95,"
                  "\"attributes\":{},\"content\":[{\"type\":\"text\",\"text\":\"30\"},{\"type\":"
                  "\"text\",\"text\":\"days\"}]}],\"has_more\":false}"};
    const struct exchange create = {.target = "/v1/vector_stores",
                                    .request = "{\"name\":\"x\"}",
                                    .answer = "{\"id\":\"vs_1\",\"object\":\"vector_store\"}"};
    const struct exchange delete = {.method = "DELETE",
                                    .target = "/v1/vector_stores/vs_1",
                                    .answer = "{\"id\":\"vs_1\",\"deleted\":true}"};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(read_exchange(&arena, &search, &reading), RN_OK);
    ck_assert(is(reading.documents->text, "30\ndays") && is(reading.documents->id, "file-1"));
    ck_assert(is(reading.documents->title, "r.pdf") && is(reading.documents->score, "0.95"));
    ck_assert_int_eq(reading.documents->score_kind, RN_SCORE_SIMILARITY);
    check_said(reading.request, "text query: refund\ntext query: days\n");
    rn_arena_free(&arena);
    check_exchange(&create, "other openai.vector_stores create\n");
    check_exchange(&delete, "other openai.vector_stores delete @vs_1\n");
    check_torn(&search);
    check_starved(&search);
}
END_TEST

/* --- what does not fit --------------------------------------------------------------------------------------------- */

START_TEST(wrong_types_are_no_documents)
{
    static const char *const targets[] = {"/v2/rerank",
                                          "/collections/c/points/query",
                                          "/query",
                                          "/api/v1/collections/c/query",
                                          "/v1/vector_stores/v/search",
                                          "/p/_search",
                                          "/v1/graphql"};
    static const char *const requests[] = {"{\"query\":\"q\",\"documents\":[1,null,{\"text\":5}]}",
                                           "{\"query\":{\"text\":[]}}",
                                           "{\"topK\":1,\"vector\":\"x\"}",
                                           "{\"query_texts\":{}}",
                                           "{\"query\":7}",
                                           "{\"knn\":[[[]]]}",
                                           "{\"query\":\"{Get{A{b}}}\"}"};
    static const char *const answers[] = {
        "[]",
        "{}",
        "null",
        "7",
        "\"x\"",
        "[1,[2],{\"id\":3}]",
        "{\"results\":7,\"result\":[[],{},{\"points\":3,\"hits\":{}}],\"matches\":{},\"ids\":[[],7,"
        "[{}]],\"distances\":\"x\",\"data\":[7,[],{\"score\":\"high\",\"content\":{}}],\"hits\":{"
        "\"hits\":[1,null,{\"_id\":[],\"_score\":\"1\"}]}}",
        "{\"result\":{\"points\":[{\"id\":1e999,\"score\":1e99999999999999999999}]},\"hits\":{"
        "\"hits\":[{\"_score\":123456789012345678901234567890}]}}"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) {
            struct rn_arena arena = {0};
            struct rn_reading reading;
            const struct exchange exchange = {
                .target = targets[i], .request = requests[i], .answer = answers[k]};
            ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_OK);
            ck_assert_int_ne(reading.dialect, RN_DIALECT_NONE);
            char *text = described(&reading);
            rn_free(text);
            rn_arena_free(&arena);
        }
    }
}
END_TEST

START_TEST(what_cannot_be_read_says_so)
{
    struct rn_buffer deep = {0};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    for (unsigned i = 0; i < 1000000; i++) {
        ck_assert_int_eq(rn_buffer_add_byte(&deep, '['), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_add_byte(&deep, 0), RN_OK);
    const struct exchange broken_request = {.target = "/collections/c/points/query",
                                            .request = "{\"query\":[1,}"};
    const struct exchange deep_request = {.target = "/collections/c/points/query",
                                          .request = (const char *)deep.data};
    const struct exchange deep_answer = {.target = "/collections/c/points/query",
                                         .request = "{}",
                                         .answer = (const char *)deep.data};
    const struct exchange *const all[] = {&broken_request, &deep_request, &deep_answer};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        ck_assert_int_eq(read_exchange(&arena, all[i], &reading), RN_INVALID);
        ck_assert(reading.unread && reading.dialect == RN_DIALECT_QDRANT);
    }
    rn_buffer_free(&deep);
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/retrieval");
    RN_CASE(suite, "rerank", rerank_joins_places_with_the_documents_of_the_request,
            rerank_of_voyage_calls_its_results_data, rerank_documents_may_be_objects_and_come_back,
            rerank_behind_bedrock_is_read, rerank_of_others_is_read);
    RN_CASE(suite, "stores", qdrant_points_are_documents, qdrant_of_all_shapes_is_read,
            qdrant_searches_of_stages_and_nodes_are_read, pinecone_queries_are_read,
            pinecone_fetches_and_writes_are_told_apart, chroma_columns_are_documents,
            chroma_gets_and_writes_are_read, weaviate_graphql_is_read_by_class,
            elasticsearch_is_read_where_it_searches_by_meaning, elasticsearch_lines_are_read,
            vector_stores_of_openai_are_read);
    RN_CASE(suite, "misfits", wrong_types_are_no_documents, what_cannot_be_read_says_so);
    return suite;
}
